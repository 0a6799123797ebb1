// Typesetting moves what is below it: an address with an anchor leads there once the formulas are set.
"use strict";
addEventListener("load", async () => {
  await window.MathJax?.startup?.promise;
  document.getElementById(location.hash.slice(1))?.scrollIntoView();
});
