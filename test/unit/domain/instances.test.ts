import { readFileSync } from 'node:fs';

import { describe, expect, it } from 'vitest';

import { hardwareOf, vcpusOf } from '../../../domain/instances.js';

describe('vCPUs of an instance type', () => {
  it.each([
    ['ml.t2.medium', 2],
    ['ml.m8g.medium', 1],
    ['ml.m5.large', 2],
    ['ml.m5.xlarge', 4],
    ['ml.c5.2xlarge', 8],
    ['ml.m4.10xlarge', 40],
    ['ml.g4dn.xlarge', 4],
    ['ml.u-6tb1.112xlarge', 448],
    ['ml.m5.metal', 96],
    ['ml.c4.8xlarge', 36],
    ['ml.inf1.6xlarge', 24],
    ['ml.p5.4xlarge', 16],
    ['m5.xlarge', undefined],
    ['xml.m5.xlarge', undefined],
    ['ml.m5.xlarge.reserved', undefined],
    ['ml.m5.huge', undefined],
    ['ml.m5.xxlarge', undefined],
  ])('%s: %s', (type, vcpus) => {
    expect(vcpusOf(type)).toBe(vcpus);
  });
});

describe('the hardware of an instance type', () => {
  it.each([
    ['ml.m5.large', { vcpus: 2, gpus: 0 }],
    ['ml.inf2.24xlarge', { vcpus: 96, gpus: 0 }],
    ['ml.g5.2xlarge', { vcpus: 8, gpus: 1 }],
    ['ml.g5.12xlarge', { vcpus: 48, gpus: 4 }],
    ['ml.g5.16xlarge', { vcpus: 64, gpus: 1 }],
    ['ml.g7.12xlarge', { vcpus: 48, gpus: 2 }],
    ['ml.p3.8xlarge', { vcpus: 32, gpus: 4 }],
    ['ml.p6e-gb200.36xlarge', { vcpus: 144, gpus: 4 }],
  ])('%s: %o', (type, hardware) => {
    expect(hardwareOf(type)).toEqual(hardware);
  });

  it('is not known for a type with GPUs that nobody has counted, until the policy does', () => {
    expect(hardwareOf('ml.g99.2xlarge')).toBeUndefined();
    expect(hardwareOf('ml.p5.2xlarge')).toBeUndefined();
    const own = { 'ml.g99.2xlarge': { vcpus: 8, gpus: 1 } };
    expect(hardwareOf('ml.g99.2xlarge', own)).toEqual({ vcpus: 8, gpus: 1 });
  });

  it('is not known without an instance', () => {
    expect(hardwareOf(undefined)).toBeUndefined();
  });

  it.each(['ProductionVariantInstanceType', 'TrainingInstanceType', 'ProcessingInstanceType'])(
    'is known for every %s of AWS',
    (shape) => {
      const types = facts.shapes[shape]?.enum ?? [];
      expect(types.length).toBeGreaterThan(200);
      expect(types.filter((type) => hardwareOf(type) === undefined)).toEqual([]);
    },
  );
});

const facts = JSON.parse(
  readFileSync(new URL('../../../sandbox/aws/model/sagemaker.json', import.meta.url), 'utf8'),
) as { readonly shapes: Readonly<Record<string, { readonly enum?: readonly string[] }>> };
