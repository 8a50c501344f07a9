// Comfort only: every page does all it can without this script.
"use strict";

// The form Subscribe: the time zone of this browser, where nobody has chosen one.
function guessZone(form) {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const list = form && form.hasAttribute("data-guess-zone") && form.elements.zone;
  if (!list || !zone) return;
  if (![...list.options].some((one) => one.value === zone)) list.add(new Option(zone, zone));
  list.value = zone;
}

// Beside a form with topics: what they would have brought, as somebody types.
function previewTopics(form) {
  const path = form && form.dataset.preview;
  if (!path || !window.fetch || !window.AbortController) return;
  for (const button of form.elements) if (button.value === "preview") button.hidden = true;
  let timer = 0, asked = null;
  const show = async () => {
    if (asked) asked.abort();
    asked = new AbortController();
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (name === "topic" || name === "own") body.append(name, value);
    try {
      const answer = await fetch(path, { method: "POST", body, signal: asked.signal });
      if (!answer.ok && answer.status !== 503) return; // 503 has a piece, too: it asks to wait
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const piece of page.querySelectorAll("template[data-for]")) {
        const place = document.getElementById(piece.dataset.for);
        if (place) place.replaceChildren(piece.content);
      }
    } catch (error) { /* another one has been asked for, or the network is away: the button still works */ }
  };
  form.addEventListener("input", (event) => {
    if (event.target.name !== "topic" && event.target.name !== "own") return;
    clearTimeout(timer);
    timer = setTimeout(show, 500);
  });
}

// A mistake that is being mended is no longer told above the form.
function dropMistakes(form) {
  const box = document.getElementById("mistakes");
  if (!form || !box) return;
  const drop = (of) => {
    for (const line of box.querySelectorAll("li")) if (line.dataset.of === of) line.remove();
    box.hidden = !box.querySelector("li");
  };
  form.addEventListener("input", (event) => {
    const field = event.target, of = { day: "days", when: "days" }[field.name] || field.name;
    field.removeAttribute("aria-invalid");
    if (of === "own") return; // its mistakes are read again as somebody types
    drop(of);
    for (const told of (field.closest(".field, fieldset") || form).querySelectorAll(":scope > .error")) told.remove();
  });
  const own = document.getElementById("topic-mistakes");
  if (own) new MutationObserver(() => { if (!own.querySelector(".error")) drop("own"); }).observe(own, { childList: true });
}

// Beside a text that one takes along: a button that copies it.
function offerCopies() {
  if (!navigator.clipboard) return; // only encrypted pages have one; the text can be marked
  for (const button of document.querySelectorAll("button[data-copy]")) {
    const says = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        button.textContent = button.dataset.done;
        setTimeout(() => { button.textContent = says; }, 2000);
      } catch (error) { /* refused: the text can be marked */ }
    });
  }
}

{
  offerCopies();
  const form = document.querySelector("form[data-preview]");
  guessZone(form);
  previewTopics(form);
  dropMistakes(form);
}
