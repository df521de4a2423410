import { describe, expect, it } from 'vitest';
import { captureLine } from '../../../sandbox/aws/sagemaker/capture.js';
import type { DataCaptureConfig } from '../../../sandbox/aws/sagemaker/shapes.js';

const CONFIG: DataCaptureConfig = {
  EnableCapture: true,
  InitialSamplingPercentage: 100,
  DestinationS3Uri: 's3://bucket/capture',
  CaptureOptions: [{ CaptureMode: 'Input' }, { CaptureMode: 'Output' }],
  CaptureContentTypeHeader: {
    CsvContentTypes: ['text/csv'],
    JsonContentTypes: ['application/json'],
  },
};

function lineOf(config: DataCaptureConfig, contentType: string, data: string) {
  const payload = { contentType, data: Buffer.from(data) };
  const exchange = {
    endpointName: 'flights',
    variantName: 'main',
    config,
    atMs: Date.parse('2026-03-04T05:06:07.890Z'),
    eventId: 'fffc6319',
    inferenceId: 'c7f0edc0',
    input: payload,
    output: payload,
  };
  return JSON.parse(captureLine(exchange)) as {
    captureData: Record<string, { data: string; encoding: string }>;
    eventMetadata: object;
  };
}

describe('a captured line', () => {
  it.each([
    ['CSV as text', 'text/csv; charset=utf-8', '1,2', 'CSV', '1,2'],
    ['JSON as text', 'application/json', '{"a":1}', 'JSON', '{"a":1}'],
    ['other content as base64', 'image/png', 'x', 'BASE64', 'eA=='],
  ])('holds %s', (_what, contentType, data, encoding, written) => {
    const { captureData } = lineOf(CONFIG, contentType, data);
    expect(captureData['endpointInput']).toMatchObject({ encoding, data: written });
  });

  it('holds CSV as base64 when the configuration lists no content types', () => {
    const config = { ...CONFIG, CaptureContentTypeHeader: undefined };
    expect(lineOf(config, 'text/csv', '1').captureData['endpointInput']?.encoding).toBe('BASE64');
  });

  it('tells its instant to the second', () => {
    expect(lineOf(CONFIG, 'text/csv', '1').eventMetadata).toEqual({
      eventId: 'fffc6319',
      inferenceId: 'c7f0edc0',
      inferenceTime: '2026-03-04T05:06:07Z',
    });
  });

  it('leaves out the side that was not asked for', () => {
    const config = { ...CONFIG, CaptureOptions: [{ CaptureMode: 'Output' as const }] };
    expect(Object.keys(lineOf(config, 'text/csv', '1').captureData)).toEqual(['endpointOutput']);
  });
});
