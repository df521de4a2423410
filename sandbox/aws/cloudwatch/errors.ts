import { AwsError } from '../kernel.js';
import { detected } from '../validate.js';
import type { Complaint } from '../validate.js';

/** Missing members have an error of their own; all else is a ValidationError in the common words. */
export const complain: Complaint = (violations) => {
  const first = violations[0];
  if (first?.missing === true && violations.length === 1 && !first.path.includes('.')) {
    const name = first.path.replace(/^./, (letter) => letter.toUpperCase());
    return new AwsError(
      'MissingRequiredParameterException',
      `The parameter ${name} is required.`,
      400,
      'MissingParameter',
    );
  }
  return validationErrors(violations);
};

const validationErrors = detected('ValidationError', 'ValidationError');

export function invalidValue(message: string): AwsError {
  return new AwsError('InvalidParameterValueException', message, 400, 'InvalidParameterValue');
}

export function invalidCombination(message: string): AwsError {
  return new AwsError(
    'InvalidParameterCombinationException',
    message,
    400,
    'InvalidParameterCombination',
  );
}

export function validation(message: string): AwsError {
  return new AwsError('ValidationError', message, 400, 'ValidationError');
}

export function invalidToken(): AwsError {
  return new AwsError('InvalidNextToken', 'The NextToken is not valid.', 400, 'InvalidNextToken');
}

export function notFound(message: string): AwsError {
  return new AwsError('ResourceNotFound', message, 404, 'ResourceNotFound');
}
