"use strict";
(() => {
  const controls = document.getElementById("controls");
  const search = document.getElementById("search");
  const shown = document.getElementById("shown");
  const buttons = [...controls.querySelectorAll("button")];
  const tests = [...document.querySelectorAll(".test")].map((element) => ({
    element,
    words: element.dataset.words,
    verdict: element.dataset.verdict,
  }));
  let verdict = "";

  const update = () => {
    const wanted = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const test of tests) {
      const fits =
        (!verdict || test.verdict === verdict) && wanted.every((word) => test.words.includes(word));
      test.element.hidden = !fits;
      count += fits;
    }
    shown.value = count === tests.length ? "" : `${count} of ${tests.length} shown`;
  };

  for (const button of buttons) {
    button.addEventListener("click", () => {
      verdict = button.dataset.verdict;
      for (const each of buttons) {
        each.setAttribute("aria-pressed", String(each === button));
      }
      update();
    });
  }
  search.addEventListener("input", update);
  controls.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== search) {
      event.preventDefault();
      search.focus();
    }
  });
  controls.hidden = tests.length < 2;
  update();
})();
