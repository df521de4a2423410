export { driftPage } from './drift-page.js';
export { distributionPlot, driftPlot, metricPlot } from './plots.js';
