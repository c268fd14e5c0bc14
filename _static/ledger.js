// The ledger sorts at its heads and filters by words, verdict, recipe and source. Without a script
// it is a plain table. A claim is a tbody: its row, and a row that opens to its cases.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.ledger");
  if (!table) return;
  const claims = [...table.tBodies];
  const heads = [...table.tHead.rows[0].cells];

  const keyOf = (claim, column) => {
    const cell = claim.rows[0].cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));

  heads.forEach((head, column) => {
    if (!("sort" in head.dataset)) return;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: head.textContent });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const order = head.ariaSort === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.ariaSort = order;
      const sign = order === "ascending" ? 1 : -1;
      table.append(...claims.toSorted((a, b) => sign * compare(keyOf(a, column), keyOf(b, column))));
    });
  });

  const choice = (name, every, values) => {
    const select = document.createElement("select");
    select.ariaLabel = `Show claims of one ${name}`;
    select.add(new Option(every, ""));
    for (const value of values) select.add(new Option(value.replaceAll("_", " "), value));
    return select;
  };
  const known = (name, by) => [...new Set(claims.flatMap((claim) => claim.dataset[name].split(by)))].filter(Boolean);
  const words = Object.assign(document.createElement("input"), { type: "search", placeholder: "words" });
  words.ariaLabel = "Show claims that hold these words";
  const choices = {
    verdicts: [choice("verdict", "every verdict", known("verdicts", " ").sort()), " "],
    recipe: [choice("recipe", "every recipe", known("recipe", " ")), " "],
    sources: [choice("source", "every source", known("sources", "|").sort()), "|"],
  };
  const count = Object.assign(document.createElement("span"), { role: "status" });

  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/);
    for (const claim of claims) {
      const text = claim.textContent.toLowerCase();
      const chosen = Object.entries(choices).every(
        ([name, [select, by]]) => !select.value || claim.dataset[name].split(by).includes(select.value),
      );
      claim.hidden = !(chosen && wanted.every((word) => text.includes(word)));
    }
    count.textContent = `${claims.filter((claim) => !claim.hidden).length} of ${claims.length} claims`;
  };
  const controls = Object.values(choices).map(([select]) => select);
  words.addEventListener("input", show);
  for (const select of controls) select.addEventListener("change", show);
  document.querySelector(".ledger-filter").append(words, ...controls, count);
  show();
});
