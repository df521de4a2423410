/** What an instance type has: CPUUtilization counts 100 per vCPU, GPUUtilization and GPUMemoryUtilization 100 per GPU. */
export interface Hardware {
  readonly vcpus: number;
  readonly gpus: number;
}

/** vCPUs of a size that is no multiple of `xlarge`. */
const SMALL: Readonly<Record<string, number>> = { medium: 1, large: 2, xlarge: 4, metal: 96 };
/** Types that do not follow the rule of four per `xlarge`, or of one per `medium`. */
const ODD_VCPUS: Readonly<Record<string, number>> = {
  'ml.c4.8xlarge': 36,
  'ml.t2.medium': 2,
  'ml.t3.medium': 2,
};

/** GPUs of every type that has some. */
const GPUS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  g4dn: { xlarge: 1, '2xlarge': 1, '4xlarge': 1, '8xlarge': 1, '12xlarge': 4, '16xlarge': 1 },
  g5: {
    xlarge: 1,
    '2xlarge': 1,
    '4xlarge': 1,
    '8xlarge': 1,
    '12xlarge': 4,
    '16xlarge': 1,
    '24xlarge': 4,
    '48xlarge': 8,
  },
  g6: {
    xlarge: 1,
    '2xlarge': 1,
    '4xlarge': 1,
    '8xlarge': 1,
    '12xlarge': 4,
    '16xlarge': 1,
    '24xlarge': 4,
    '48xlarge': 8,
  },
  g6e: {
    xlarge: 1,
    '2xlarge': 1,
    '4xlarge': 1,
    '8xlarge': 1,
    '12xlarge': 4,
    '16xlarge': 1,
    '24xlarge': 4,
    '48xlarge': 8,
  },
  g7: { '2xlarge': 1, '4xlarge': 1, '8xlarge': 1, '12xlarge': 2, '24xlarge': 4, '48xlarge': 8 },
  g7e: { '2xlarge': 1, '4xlarge': 1, '8xlarge': 1, '12xlarge': 2, '24xlarge': 4, '48xlarge': 8 },
  p2: { xlarge: 1, '8xlarge': 8, '16xlarge': 16 },
  p3: { '2xlarge': 1, '8xlarge': 4, '16xlarge': 8 },
  p3dn: { '24xlarge': 8 },
  p4d: { '24xlarge': 8 },
  p4de: { '24xlarge': 8 },
  p5: { '4xlarge': 1, '48xlarge': 8 },
  p5e: { '48xlarge': 8 },
  p5en: { '48xlarge': 8 },
  'p6-b200': { '48xlarge': 8 },
  'p6-b300': { '48xlarge': 8 },
  'p6e-gb200': { '36xlarge': 4 },
};

/** Families that carry GPUs, also those that came after this table. */
const WITH_GPUS = /^(?:g|p)r?\d/;

/**
 * vCPUs and GPUs of an instance type such as `ml.g5.2xlarge`; `undefined` for names that say nothing, and for types
 * with GPUs that nobody has counted here. What the policy says of a type (`own`) goes first.
 */
export function hardwareOf(
  instanceType: string | undefined,
  own: Readonly<Record<string, Hardware>> = {},
): Hardware | undefined {
  if (instanceType === undefined) return undefined;
  const told = own[instanceType];
  if (told !== undefined) return told;
  const vcpus = vcpusOf(instanceType);
  const [, family = '', size = ''] = instanceType.split('.');
  const gpus = WITH_GPUS.test(family) ? GPUS[family]?.[size] : 0;
  return vcpus === undefined || gpus === undefined ? undefined : { vcpus, gpus };
}

/** vCPUs of an instance type: four per `xlarge`; `undefined` for names that say nothing. */
export function vcpusOf(instanceType: string): number | undefined {
  const odd = ODD_VCPUS[instanceType];
  if (odd !== undefined) return odd;
  const size = /^ml\.[a-z0-9-]+\.(?:(\d{1,3})xlarge|(medium|large|xlarge|metal))$/.exec(
    instanceType,
  );
  if (size === null) return undefined;
  return size[1] === undefined ? SMALL[size[2] ?? ''] : 4 * Number(size[1]);
}
