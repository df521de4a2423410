import type { CallInfo, Kernel } from '../kernel.js';
import { arnOf, filtered, pageOf, seconds, splitS3Uri, taken } from './context.js';
import {
  createEndpointConfig,
  createModel,
  endpointConfigByName,
  modelByName,
  page,
} from './shapes.js';
import type {
  AsyncInferenceConfig,
  Container,
  CreateEndpointConfig,
  DataCaptureConfig,
  ProductionVariant,
} from './shapes.js';
import type { Tags } from './tags.js';
import { invalid, parse } from './validate.js';

interface Stored {
  readonly name: string;
  readonly arn: string;
  readonly createdAtMs: number;
  /** Under the fault `eventual consistency`: not found before. */
  readonly visibleAtMs: number;
}

export interface ModelRecord extends Stored {
  readonly containers: readonly Container[];
  readonly primary: boolean;
  readonly roleArn?: string;
  readonly rest: Readonly<Record<string, unknown>>;
}

export interface EndpointConfigRecord extends Stored {
  readonly variants: readonly ProductionVariant[];
  readonly shadows: readonly ProductionVariant[];
  readonly capture?: DataCaptureConfig;
  readonly metricsEverySeconds: number;
  readonly rest: Readonly<Record<string, unknown>>;
}

const MODELS = 'sagemaker.models';
const CONFIGS = 'sagemaker.endpointConfigs';
/** MetricPublishFrequencyInSeconds when the config does not say. */
const DEFAULT_METRICS_SECONDS = 60;

/** How its endpoint takes asynchronous requests; `undefined` for a config of any other. */
export const asynchronousOf = ({ rest }: EndpointConfigRecord): AsyncInferenceConfig | undefined =>
  rest['AsyncInferenceConfig'] as AsyncInferenceConfig | undefined;

/** Models and endpoint configurations: entries without a life of their own. */
export class Hosting {
  constructor(
    private readonly kernel: Kernel,
    private readonly tags: Tags,
  ) {}

  get operations() {
    return {
      CreateModel: (input: unknown, call: CallInfo) => this.createModel(input, call),
      DescribeModel: (input: unknown) => this.describeModel(input),
      ListModels: (input: unknown) => this.listModels(input),
      DeleteModel: (input: unknown) => {
        const { name, arn } = this.foundModel(parse(modelByName, input).ModelName);
        this.kernel.store.delete(MODELS, name);
        this.tags.drop(arn);
        return {};
      },
      CreateEndpointConfig: (input: unknown) => this.createConfig(input),
      DescribeEndpointConfig: (input: unknown) => this.describeConfig(input),
      ListEndpointConfigs: (input: unknown) => this.listConfigs(input),
      // A config that serves is deleted as well; the endpoint's next update then fails, as in AWS.
      DeleteEndpointConfig: (input: unknown) => {
        const name = parse(endpointConfigByName, input).EndpointConfigName;
        const { arn } = this.foundConfig(name);
        this.kernel.store.delete(CONFIGS, name);
        this.tags.drop(arn);
        return {};
      },
    };
  }

  model(name: string): ModelRecord | undefined {
    return this.visible(this.kernel.store.get<ModelRecord>(MODELS, name));
  }

  config(name: string): EndpointConfigRecord | undefined {
    return this.visible(this.kernel.store.get<EndpointConfigRecord>(CONFIGS, name));
  }

  foundConfig(name: string): EndpointConfigRecord {
    const config = this.config(name);
    if (config !== undefined) return config;
    const arn = arnOf(this.kernel, 'endpoint-config', name);
    throw invalid(`Could not find endpoint configuration "${arn}".`);
  }

  /** Makes the entry of a model without a call, as a pipeline's Model step does. */
  addModel(input: unknown, call?: CallInfo): ModelRecord {
    const { ModelName, PrimaryContainer, Containers, ExecutionRoleArn, Tags, ...rest } = parse(
      createModel,
      input,
    );
    if ((PrimaryContainer === undefined) === (Containers === undefined)) {
      throw invalid('Exactly one of PrimaryContainer and Containers must be specified.');
    }
    if (ExecutionRoleArn === undefined) {
      throw invalid(
        "1 validation error detected: Value at 'executionRoleArn' failed to satisfy constraint: Member must not be null",
      );
    }
    const containers = PrimaryContainer ? [PrimaryContainer] : (Containers ?? []);
    for (const container of containers) this.checkContainer(container, ExecutionRoleArn, call);
    const arn = arnOf(this.kernel, 'model', ModelName);
    if (this.kernel.store.get(MODELS, ModelName) !== undefined) {
      throw invalid(`Cannot create already existing model "${arn}".`);
    }
    const record: ModelRecord = {
      ...this.fresh(ModelName, arn),
      containers,
      primary: PrimaryContainer !== undefined,
      roleArn: ExecutionRoleArn,
      rest,
    };
    this.kernel.store.put(MODELS, ModelName, record);
    this.tags.add(arn, Tags);
    return record;
  }

  /** The container's image and artefact, read from its model package if it names one. */
  resolved(container: Container, call?: CallInfo): Container {
    if (container.ModelPackageName === undefined) return container;
    const packaged = this.packaged(container.ModelPackageName, call);
    if (packaged === undefined) {
      throw invalid(`ModelPackage ${container.ModelPackageName} does not exist.`);
    }
    return { ...packaged, ...container };
  }

  /** Set by the registry: the first container of a model package. */
  packaged: (packageName: string, call?: CallInfo) => Container | undefined = () => undefined;

  private createModel(input: unknown, call: CallInfo) {
    return { ModelArn: this.addModel(input, call).arn };
  }

  private checkContainer(container: Container, roleArn: string, call?: CallInfo): void {
    if (container.Image === undefined && container.ModelPackageName === undefined) {
      throw invalid('A container must specify either Image or ModelPackageName.');
    }
    const { ModelDataUrl: uri } = this.resolved(container, call);
    if (uri === undefined) return;
    const { bucket, key } = splitS3Uri(uri);
    const reach = this.kernel.objects.reach(bucket, key);
    // One that is missing is found out when an endpoint is made.
    if (reach === 'denied' || reach === 'elsewhere')
      throw invalid(
        `Could not access model data at ${uri}. Please ensure that the role "${roleArn}" exists and that its trust relationship policy allows the action "sts:AssumeRole" for the service principal "sagemaker.amazonaws.com". Also ensure that the role has "s3:GetObject" permissions and that the object is located in ${this.kernel.region}.`,
      );
  }

  private describeModel(input: unknown) {
    const model = this.foundModel(parse(modelByName, input).ModelName);
    return {
      ...model.rest,
      ModelName: model.name,
      ModelArn: model.arn,
      ...(model.primary
        ? { PrimaryContainer: model.containers[0] }
        : { Containers: model.containers }),
      ExecutionRoleArn: model.roleArn,
      CreationTime: seconds(model.createdAtMs),
      EnableNetworkIsolation: model.rest['EnableNetworkIsolation'] ?? false,
    };
  }

  private listModels(input: unknown) {
    const request = parse(page, input);
    const all = this.kernel.store.entries<ModelRecord>(MODELS).map(([, model]) => model);
    const { items, ...next } = pageOf(filtered(all, request), request);
    const Models = items.map((model) => ({
      ModelName: model.name,
      ModelArn: model.arn,
      CreationTime: seconds(model.createdAtMs),
    }));
    return { Models, ...next };
  }

  private createConfig(input: unknown) {
    const request = parse(createEndpointConfig, input);
    const {
      EndpointConfigName: name,
      ProductionVariants,
      DataCaptureConfig,
      Tags,
      ...rest
    } = request;
    const shadows = request.ShadowProductionVariants ?? [];
    const names = [...ProductionVariants, ...shadows].map((variant) => variant.VariantName);
    if (new Set(names).size !== names.length)
      throw invalid('Production variant names must be unique.');
    for (const variant of [...ProductionVariants, ...shadows]) this.checkVariant(variant);
    if (shadows.length > 0) this.checkShadow(request);
    this.checkServerless(request);
    const { S3OutputPath, S3FailurePath } = request.AsyncInferenceConfig?.OutputConfig ?? {};
    for (const uri of [DataCaptureConfig?.DestinationS3Uri, S3OutputPath, S3FailurePath])
      if (uri !== undefined) splitS3Uri(uri);
    this.checkAsynchronous(request);
    const arn = arnOf(this.kernel, 'endpoint-config', name);
    if (this.kernel.store.get(CONFIGS, name) !== undefined) {
      throw invalid(`Cannot create already existing endpoint configuration "${arn}".`);
    }
    const record: EndpointConfigRecord = {
      ...this.fresh(name, arn),
      variants: ProductionVariants,
      shadows,
      ...(DataCaptureConfig && { capture: DataCaptureConfig }),
      metricsEverySeconds:
        request.MetricsConfig?.MetricPublishFrequencyInSeconds ?? DEFAULT_METRICS_SECONDS,
      rest,
    };
    this.kernel.store.put(CONFIGS, name, record);
    this.tags.add(arn, Tags);
    return { EndpointConfigArn: arn };
  }

  /** A shadow stands beside one production variant of a real-time endpoint, one model each. */
  private checkShadow(config: CreateEndpointConfig): void {
    const shadows = config.ShadowProductionVariants ?? [];
    if (shadows.length !== 1 || config.ProductionVariants.length !== 1) {
      throw invalid(
        'ShadowProductionVariants can have one shadow variant beside exactly one production variant.',
      );
    }
    if (config.AsyncInferenceConfig !== undefined) {
      throw invalid('Shadow variants are not supported for asynchronous inference endpoints.');
    }
    for (const variant of [...config.ProductionVariants, ...shadows]) {
      if (variant.ServerlessConfig !== undefined)
        throw invalid('Shadow variants are not supported for serverless endpoints.');
      if (variant.ModelName === undefined)
        throw invalid('Shadow variants are not supported for inference component endpoints.');
      const model = this.foundModel(variant.ModelName);
      if (model.containers.length > 1)
        throw invalid('Shadow variants are not supported for multi-container endpoints.');
      if (model.containers.some(({ Mode }) => Mode === 'MultiModel'))
        throw invalid('Shadow variants are not supported for multi-model endpoints.');
    }
  }

  /** What serverless inference does not give. */
  private checkServerless(config: CreateEndpointConfig): void {
    const variants = config.ProductionVariants;
    const serverless = variants.filter(({ ServerlessConfig }) => ServerlessConfig !== undefined);
    const [first] = serverless;
    if (first === undefined) return;
    if (variants.length > 1)
      throw invalid('Serverless endpoints do not support multiple production variants.');
    if (config.DataCaptureConfig?.EnableCapture === true)
      throw invalid('Data capture is not supported for serverless endpoints.');
    if (config.AsyncInferenceConfig !== undefined)
      throw invalid('AsyncInferenceConfig is not supported for serverless endpoints.');
    if (first.InstanceType !== undefined || first.InitialInstanceCount !== undefined)
      throw invalid(
        `Production variant ${first.VariantName} cannot specify InstanceType or InitialInstanceCount together with ServerlessConfig.`,
      );
    const { ProvisionedConcurrency = 0, MaxConcurrency = 0 } = first.ServerlessConfig ?? {};
    if (ProvisionedConcurrency > MaxConcurrency)
      throw invalid(
        `ProvisionedConcurrency ${ProvisionedConcurrency} must be less than or equal to MaxConcurrency ${MaxConcurrency}.`,
      );
    const model = first.ModelName === undefined ? undefined : this.foundModel(first.ModelName);
    const unsupported = [
      ...(model?.rest['VpcConfig'] === undefined ? [] : ['VPC configurations']),
      ...(model?.rest['EnableNetworkIsolation'] === true ? ['network isolation'] : []),
      ...((model?.containers.length ?? 0) > 1 ? ['multi-container models'] : []),
      ...(model?.containers.some(({ Mode }) => Mode === 'MultiModel') === true
        ? ['multi-model containers']
        : []),
      ...(this.isFromMarketplace(model) ? ['AWS Marketplace model packages'] : []),
    ];
    if (unsupported.length > 0)
      throw invalid(`Serverless endpoints do not support ${unsupported.join(', ')}.`);
  }

  private checkAsynchronous(config: CreateEndpointConfig): void {
    if (config.AsyncInferenceConfig === undefined) return;
    if (config.DataCaptureConfig?.EnableCapture === true)
      throw invalid('Data capture is not supported for asynchronous inference endpoints.');
    for (const { ModelName } of config.ProductionVariants)
      if (ModelName !== undefined && this.isFromMarketplace(this.foundModel(ModelName)))
        throw invalid(
          'Marketplace images are not supported when specifying an AsyncInferenceConfig.',
        );
  }

  /** Whether a container of the model is sold in AWS Marketplace: its package names a product. */
  isFromMarketplace(model: ModelRecord | undefined): boolean {
    return model?.containers.some((one) => this.resolved(one)['ProductId'] !== undefined) === true;
  }

  private checkVariant(variant: ProductionVariant): void {
    if (variant.ModelName !== undefined) {
      this.foundModel(variant.ModelName);
      if (variant.ManagedInstanceScaling !== undefined) {
        throw invalid('ManagedInstanceScaling is only supported for variants without ModelName.');
      }
    }
    if (variant.ServerlessConfig !== undefined) return;
    if (variant.InstanceType === undefined || variant.InitialInstanceCount === undefined) {
      throw invalid(
        `Production variant ${variant.VariantName} must specify InstanceType and InitialInstanceCount, or ServerlessConfig.`,
      );
    }
  }

  private describeConfig(input: unknown) {
    const config = this.foundConfig(parse(endpointConfigByName, input).EndpointConfigName);
    return {
      ...config.rest,
      EndpointConfigName: config.name,
      EndpointConfigArn: config.arn,
      ProductionVariants: config.variants.map((variant) => ({
        InitialVariantWeight: 1,
        ...variant,
      })),
      ...(config.capture && { DataCaptureConfig: config.capture }),
      CreationTime: seconds(config.createdAtMs),
    };
  }

  private listConfigs(input: unknown) {
    const request = parse(page, input);
    const all = this.kernel.store
      .entries<EndpointConfigRecord>(CONFIGS)
      .map(([, config]) => config);
    const { items, ...next } = pageOf(filtered(all, request), request);
    const EndpointConfigs = items.map((config) => ({
      EndpointConfigName: config.name,
      EndpointConfigArn: config.arn,
      CreationTime: seconds(config.createdAtMs),
    }));
    return { EndpointConfigs, ...next };
  }

  private foundModel(name: string): ModelRecord {
    const model = this.model(name);
    if (model !== undefined) return model;
    throw invalid(`Could not find model "${arnOf(this.kernel, 'model', name)}".`);
  }

  private visible<T extends Stored>(record: T | undefined): T | undefined {
    return record && this.kernel.now() >= record.visibleAtMs ? record : undefined;
  }

  private fresh(name: string, arn: string): Stored {
    const createdAtMs = this.kernel.now();
    const late = this.kernel.takeFault('eventual consistency', name) !== undefined;
    return {
      name,
      arn,
      createdAtMs,
      visibleAtMs: late ? createdAtMs + taken(this.kernel, 'visibility') : createdAtMs,
    };
  }
}
