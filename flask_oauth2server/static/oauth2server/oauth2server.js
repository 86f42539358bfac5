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

// An answer on its way to an app: sent on at once, without a further entry in the history.
document.querySelector("form[data-o2-send]")?.requestSubmit();

// Signed out: on to the app that asked for it, when all frames have told theirs, or have had the time to.
const onward = document.querySelector("a[data-o2-onward]");
if (onward) {
  const frames = [...document.querySelectorAll("iframe")].map((frame) => new Promise((done) => frame.addEventListener("load", done)));
  Promise.race([Promise.all(frames), new Promise((done) => setTimeout(done, 4000))]).then(() => location.replace(onward.href));
}
