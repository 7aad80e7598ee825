// The browser refuses to make markup of text on these pages. Leaflet asks once, while it loads, whether SVG is there:
// that one piece of markup is let through, and nothing else ever.
"use strict";
if (window.trustedTypes) {
  window.trustedTypes.createPolicy("default", {
    createHTML: (text) => (text === "<svg/>" ? text : null),
  });
}
