import { members } from '../http/query-protocol.js';
import { AwsError } from '../kernel.js';
import type { Service } from '../kernel.js';
import { detected } from '../validate.js';
import type { Core } from '../wires.js';

const ACTION = /^[a-z0-9-]+:[A-Za-z0-9*?]+$/;
const PAGE = 100;

/**
 * AWS IAM, as far as it says what somebody may do: everything that their role's `denies` does not name, since the sandbox
 * has no other policies.
 */
export function createIam({ identities }: Core): Service {
  return {
    name: 'IAM',
    complain: detected('ValidationError'),
    query: {
      version: '2010-05-08',
      namespace: 'https://iam.amazonaws.com/doc/2010-05-08/',
      operations: {
        SimulatePrincipalPolicy: (form, { caller }) => {
          const source = form.get('PolicySourceArn') ?? '';
          if (!/^arn:aws[a-z-]*:iam::\d{12}:(role|user|group)\/.+$/.test(source))
            throw new AwsError('InvalidInput', `Invalid Entity Arn: ${source}`, 400);
          // IAM knows the entities of its caller's account only.
          if (source.split(':')[4] !== caller.accountId || !identities.exists(source)) {
            const [, kind = '', name = ''] =
              /:(role|user|group)\/(?:.*\/)?([^/]+)$/.exec(source) ?? [];
            throw new AwsError(
              'NoSuchEntity',
              `The ${kind} with name ${name} cannot be found.`,
              404,
            );
          }
          const actions = listOf(form, 'ActionNames');
          const wrong = actions.find((action) => !ACTION.test(action));
          if (wrong !== undefined)
            throw new AwsError('InvalidInput', `Invalid action: ${wrong}`, 400);
          const resources = listOf(form, 'ResourceArns');
          const pairs = actions.flatMap((action) =>
            (resources.length === 0 ? ['*'] : resources).map((resource) => ({ action, resource })),
          );
          const from = Number(form.get('Marker') ?? 0);
          const size = Number(form.get('MaxItems') ?? PAGE);
          const isTruncated = from + size < pairs.length;
          return {
            EvaluationResults: members(
              pairs.slice(from, from + size).map(({ action, resource }) => ({
                EvalActionName: action,
                EvalResourceName: resource,
                EvalDecision: identities.denies(source, action) ? 'explicitDeny' : 'allowed',
                MatchedStatements: members([]),
                MissingContextValues: members([]),
              })),
            ),
            IsTruncated: isTruncated,
            ...(isTruncated ? { Marker: String(from + size) } : {}),
          };
        },
      },
    },
  };
}

function listOf(form: ReadonlyMap<string, string>, name: string): readonly string[] {
  const found: string[] = [];
  for (let at = 1; form.has(`${name}.member.${at}`); at += 1)
    found.push(form.get(`${name}.member.${at}`) ?? '');
  return found;
}
