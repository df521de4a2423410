export { keeper } from './keeper.js';
export { release } from './release.js';
