import type { RestService } from '../http/dispatch.js';
import { AwsError } from '../kernel.js';
import type { Core } from '../wires.js';

export function createS3(_core: Core): RestService {
  return {
    operationOf: () => 'Unknown',
    handle: () => Promise.reject(new AwsError('NotImplemented', 'Not implemented.', 501)),
    errorAnswer: (error) => ({ status: error.status, body: error.message }),
  };
}
