// The only script of the pages; everything works without it.
"use strict";

// Copy: the buttons show themselves only where they can work.
for (const button of navigator.clipboard ? document.querySelectorAll("button[data-o2-copy]") : []) {
  const label = button.querySelector("span");
  const said = button.parentElement.querySelector("[role=status]");
  const text = label.textContent;
  let timer;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.o2Copy).textContent);
    label.textContent = said.textContent = button.dataset.o2Copied;
    clearTimeout(timer);
    timer = setTimeout(() => { label.textContent = text; said.textContent = ""; }, 2000);
  });
}

// The second click of a double click: tickets work once, and the person would see a refusal.
let sent = new WeakSet();
addEventListener("pageshow", () => { sent = new WeakSet(); });
addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.method !== "post") return;
  if (sent.has(event.target)) event.preventDefault();
  sent.add(event.target);
});
