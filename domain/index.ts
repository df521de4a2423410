/** The rules and types of modelkeeper: pure, and usable without Temporal or AWS. */
export * from './approval.js';
export * from './bake.js';
export * from './data-windows.js';
export * from './detect.js';
export * from './duration.js';
export * from './evidence.js';
export * from './gate.schema.js';
export * from './governor.js';
export * from './ledger.js';
export * from './model.js';
export * from './names.js';
export * from './people.js';
export * from './policy.schema.js';
export * from './rollout.js';
export * from './status.js';
