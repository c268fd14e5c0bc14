// One control opens and closes all folded code of a page. Without a script each cell still opens by itself.
document.addEventListener("DOMContentLoaded", () => {
  const folded = [...document.querySelectorAll("details.hide.above-input")];
  const place = document.querySelector(".article-header-buttons");
  if (!folded.length || !place) return;
  const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-sm show-code" });
  const say = () => {
    const open = folded.every((cell) => cell.open);
    button.textContent = open ? "Hide all code" : "Show all code";
    button.ariaPressed = String(open);
  };
  button.addEventListener("click", () => {
    const open = !folded.every((cell) => cell.open);
    for (const cell of folded) cell.open = open;
    say();
  });
  for (const cell of folded) cell.addEventListener("toggle", say);
  say();
  place.prepend(button);
});
