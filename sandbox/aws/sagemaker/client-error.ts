/** The job's input cannot be had: as AWS words it. */
export class ClientError extends Error {}
