import { AwsError } from '../kernel.js';

export function invalid(what: string): AwsError {
  return new AwsError('InvalidParameter', `Invalid parameter: ${what}`, 400, 'InvalidParameter');
}

export function notFound(message: string): AwsError {
  return new AwsError('NotFound', message, 404, 'NotFound');
}
