export { distributionPlot, driftPlot, metricPlot } from './plots.js';
