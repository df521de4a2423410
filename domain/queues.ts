/** Temporal task queues. Control work is light; data work (DuckDB) runs in its own process. */
export const CONTROL_QUEUE = 'modelkeeper-control';
export const DATA_QUEUE = 'modelkeeper-data';
