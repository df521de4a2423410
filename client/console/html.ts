export { escaped, html, Html, type Part } from '../../analysis/report/html.js';
