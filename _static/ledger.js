// The ledger sorts at its heads and filters by words and verdict. Without a script it is a plain table.
document.addEventListener("DOMContentLoaded", () => {
  const table = document.querySelector("table.ledger");
  if (!table) return;
  const body = table.tBodies[0];
  const rows = [...body.rows];
  const heads = [...table.tHead.rows[0].cells];

  const keyOf = (row, column) => {
    const cell = row.cells[column];
    return cell.dataset.value === undefined ? cell.textContent.trim().toLowerCase() : Number(cell.dataset.value);
  };
  const compare = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b));

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const order = head.ariaSort === "ascending" ? "descending" : "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.ariaSort = order;
      const sign = order === "ascending" ? 1 : -1;
      body.append(...rows.toSorted((a, b) => sign * compare(keyOf(a, column), keyOf(b, column))));
    });
  });

  const words = Object.assign(document.createElement("input"), { type: "search", placeholder: "words" });
  words.ariaLabel = "Show claims that hold these words";
  const verdict = document.createElement("select");
  verdict.ariaLabel = "Show claims with this verdict";
  for (const name of ["every verdict", "supported", "contradicted", "undecided"]) verdict.add(new Option(name));
  const count = Object.assign(document.createElement("span"), { role: "status" });
  const show = () => {
    const wanted = words.value.toLowerCase().split(/\s+/);
    const chosen = verdict.selectedIndex ? `strong.${verdict.value}` : "td";
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !(row.querySelector(chosen) && wanted.every((word) => text.includes(word)));
    }
    count.textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} claims`;
  };
  words.addEventListener("input", show);
  verdict.addEventListener("change", show);
  document.querySelector(".ledger-filter").append(words, verdict, count);
  show();
});
