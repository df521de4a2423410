export { driftPage } from './drift-page.js';
export { evaluationPage } from './evaluation-page.js';
export {
  calibrationPlot,
  precisionRecallPlot,
  rocPlot,
  scorePlot,
  slicesPlot,
} from './evaluation-plots.js';
export { multivariatePage } from './multivariate-page.js';
export { distributionPlot } from './distribution-plot.js';
export { driftPlot, metricPlot } from './plots.js';
export { windowsPlot } from './time-plot.js';
