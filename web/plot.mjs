// What the charts of the reports use of Observable Plot; everything else is left out of the bundle.
export { plot, axisX, axisY, dot, gridX, gridY, line, link, pointer, pointerY, rect, ruleX, ruleY, text } from "@observablehq/plot";
