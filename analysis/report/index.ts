export { driftPage } from './drift-page.js';
export { evaluationPage } from './evaluation-page.js';
export { calibrationPlot, rocPlot, scorePlot, slicesPlot } from './evaluation-plots.js';
export { distributionPlot, driftPlot, metricPlot, windowsPlot } from './plots.js';
