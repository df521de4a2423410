/**
 * What each key of a policy means: shown by editors through the JSON Schema, and in docs/policy.md.
 *
 * Keys are paths as `allKeys()` names them; a test fails for a key without a description and for one too many.
 */
export const DESCRIPTIONS: Readonly<Record<string, string>> = {
  apiVersion: 'Version of this format.',
  kind: 'What this document is.',
  metadata: 'Which model this is about.',
  'metadata.name':
    'Name of the model; every workflow and AWS name is built from it. At most 40 lower-case letters and digits with single dashes between them; a name too long for AWS’s 63 characters with what is added to it is refused.',
  'metadata.team': 'Who looks after it; stands in notices.',
  spec: 'What people want for the model.',
  'spec.mode': '`act`, or `record`: everything is watched and judged, nothing is started.',
  'spec.endpoint': 'The endpoint that serves. One policy per endpoint.',
  'spec.endpoint.name': 'Name of the SageMaker endpoint. Its variants must name a model.',
  'spec.endpoint.variant': 'Production variant that is kept.',
  'spec.endpoint.region': 'AWS Region of everything named here.',
  'spec.registry': 'Where versions are registered.',
  'spec.registry.group': 'Model package group in which the pipeline registers.',
  'spec.registry.onRejectedWhileServing':
    'What a version set to Rejected in the registry while it serves leads to: `rollback`, `ask` (also when absent) or `nothing`.',
  'spec.registry.stages':
    'SageMaker’s ModelLifeCycle of a version, written at three moments. Absent: it is left alone.',
  'spec.registry.stages.waiting': 'When people are asked.',
  'spec.registry.stages.waiting.stage': 'Stage, such as Staging.',
  'spec.registry.stages.waiting.status': 'Status of the stage, such as PendingApproval.',
  'spec.registry.stages.promoted': 'When it is promoted.',
  'spec.registry.stages.promoted.stage': 'Stage, such as Production.',
  'spec.registry.stages.promoted.status': 'Status of the stage, such as Approved.',
  'spec.registry.stages.retired': 'When another version is promoted in its place.',
  'spec.registry.stages.retired.stage': 'Stage, such as Archive.',
  'spec.registry.stages.retired.status': 'Status of the stage, such as Retired.',
  'spec.storage': 'Address below which profiles, reports, evidence and the ledger live.',
  'spec.people':
    'Person (e-mail address) → AWS roles, users or Studio user profiles, or `os:<user>` on a laptop, that prove it is them. Nobody types who they are.',
  'spec.groups': 'Group name → people, for `approve.approvers`.',
  'spec.monitor': 'What is looked at.',
  'spec.monitor.every': 'Time between looks, aligned to the clock. Events only make one sooner.',
  'spec.monitor.sources': 'Where findings come from. Each has an id of its own.',
  'spec.monitor.sources[alarms].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[alarms].kind': 'CloudWatch alarms.',
  'spec.monitor.sources[alarms].alarms':
    '`managed`: the recommended set is created, repaired and removed for you; or names of alarms of your own, on metrics, on anomalies or composite.',
  'spec.monitor.sources[alarms].means':
    'What alarms of your own are about: `health` of the endpoint (default), or `drift` or `performance` of the model. One that goes off is confirmed: it counts its data points itself.',
  'spec.monitor.sources[alarms].limits': 'Limits of the managed alarms.',
  'spec.monitor.sources[alarms].limits.errorShare':
    'Share of invocations answered 5XX. Default: `deploy.limits.errorShare`.',
  'spec.monitor.sources[alarms].limits.minInvocations':
    'Fewest invocations of a period for a share of errors below one half to count. Default 10.',
  'spec.monitor.sources[alarms].limits.clientErrorShare':
    'Share of invocations answered 4XX. Default 0.05.',
  'spec.monitor.sources[alarms].limits.latencyP99Ms':
    '99th percentile of ModelLatency in milliseconds. Default: `deploy.limits.latencyP99Ms`.',
  'spec.monitor.sources[alarms].limits.cpuPercent':
    'CPU in percent of the whole instance. Default 90.',
  'spec.monitor.sources[alarms].limits.memoryPercent': 'Memory in percent. Default 85.',
  'spec.monitor.sources[alarms].limits.diskPercent':
    'Disk in percent. Default 75: data capture stops in silence when it is full.',
  'spec.monitor.sources[alarms].limits.gpuPercent':
    'GPU in percent of all GPUs of the instance, where it has some. Default 95.',
  'spec.monitor.sources[alarms].limits.gpuMemoryPercent':
    'GPU memory in percent of all GPUs of the instance, where it has some. Default 95.',
  'spec.monitor.sources[alarms].limits.noTraffic':
    'So long without an invocation nothing can be told of the answers; or `off`. Default 15m.',
  'spec.monitor.sources[metric].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[metric].kind': 'One CloudWatch metric with limits.',
  'spec.monitor.sources[metric].namespace': 'Namespace of the metric.',
  'spec.monitor.sources[metric].name': 'Name of the metric.',
  'spec.monitor.sources[metric].dimensions':
    'Exactly the dimensions it was published with; CloudWatch does not add up dimension sets.',
  'spec.monitor.sources[metric].stat':
    "Average, Sum, Minimum, Maximum, SampleCount, or one of CloudWatch's such as p99, p99.9, tm99, IQM or PR(:300).",
  'spec.monitor.sources[metric].period': 'Period over which the statistic is taken.',
  'spec.monitor.sources[metric].above': 'A finding when the statistic is above this.',
  'spec.monitor.sources[metric].below': 'A finding when the statistic is below this.',
  'spec.monitor.sources[endpoint-metrics].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[endpoint-metrics].kind':
    "Metrics of the endpoint's variant with limits in units of people.",
  'spec.monitor.sources[endpoint-metrics].period': 'Period over which the statistics are taken.',
  'spec.monitor.sources[endpoint-metrics].metrics':
    "AWS's name of a metric → its limits. At least one.",
  'spec.monitor.sources[endpoint-metrics].metrics.CPUUtilization':
    'CPU, in percent of the whole instance; CloudWatch counts 100 per vCPU.',
  'spec.monitor.sources[endpoint-metrics].metrics.CPUUtilization.stat': 'Statistic.',
  'spec.monitor.sources[endpoint-metrics].metrics.CPUUtilization.abovePercent':
    'A finding when it is above this.',
  'spec.monitor.sources[endpoint-metrics].metrics.CPUUtilization.belowPercent':
    'A finding when it is below this.',
  'spec.monitor.sources[endpoint-metrics].metrics.MemoryUtilization': 'Memory.',
  'spec.monitor.sources[endpoint-metrics].metrics.MemoryUtilization.stat': 'Statistic.',
  'spec.monitor.sources[endpoint-metrics].metrics.MemoryUtilization.abovePercent':
    'A finding when it is above this.',
  'spec.monitor.sources[endpoint-metrics].metrics.MemoryUtilization.belowPercent':
    'A finding when it is below this.',
  'spec.monitor.sources[endpoint-metrics].metrics.DiskUtilization':
    'Disk; data capture stops in silence when it is full.',
  'spec.monitor.sources[endpoint-metrics].metrics.DiskUtilization.stat': 'Statistic.',
  'spec.monitor.sources[endpoint-metrics].metrics.DiskUtilization.abovePercent':
    'A finding when it is above this.',
  'spec.monitor.sources[endpoint-metrics].metrics.DiskUtilization.belowPercent':
    'A finding when it is below this.',
  'spec.monitor.sources[endpoint-metrics].metrics.GPUUtilization':
    'GPU, in percent of all GPUs of the instance; CloudWatch counts 100 per GPU.',
  'spec.monitor.sources[endpoint-metrics].metrics.GPUUtilization.stat': 'Statistic.',
  'spec.monitor.sources[endpoint-metrics].metrics.GPUUtilization.abovePercent':
    'A finding when it is above this.',
  'spec.monitor.sources[endpoint-metrics].metrics.GPUUtilization.belowPercent':
    'A finding when it is below this.',
  'spec.monitor.sources[endpoint-metrics].metrics.GPUMemoryUtilization':
    'GPU memory, in percent of all GPUs of the instance.',
  'spec.monitor.sources[endpoint-metrics].metrics.GPUMemoryUtilization.stat': 'Statistic.',
  'spec.monitor.sources[endpoint-metrics].metrics.GPUMemoryUtilization.abovePercent':
    'A finding when it is above this.',
  'spec.monitor.sources[endpoint-metrics].metrics.GPUMemoryUtilization.belowPercent':
    'A finding when it is below this.',
  'spec.monitor.sources[endpoint-metrics].metrics.ModelLatency':
    'Time in the container, in milliseconds; CloudWatch has microseconds.',
  'spec.monitor.sources[endpoint-metrics].metrics.ModelLatency.stat': 'Statistic.',
  'spec.monitor.sources[endpoint-metrics].metrics.ModelLatency.aboveMs':
    'A finding when it is above this.',
  'spec.monitor.sources[endpoint-metrics].metrics.ModelLatency.belowMs':
    'A finding when it is below this.',
  'spec.monitor.sources[endpoint-metrics].metrics.OverheadLatency':
    'Time in SageMaker around it, in milliseconds.',
  'spec.monitor.sources[endpoint-metrics].metrics.OverheadLatency.stat': 'Statistic.',
  'spec.monitor.sources[endpoint-metrics].metrics.OverheadLatency.aboveMs':
    'A finding when it is above this.',
  'spec.monitor.sources[endpoint-metrics].metrics.OverheadLatency.belowMs':
    'A finding when it is below this.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocations':
    'Invocations in a period; without one CloudWatch has no value, which counts as none.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocations.above':
    'A finding when there are more.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocations.below':
    'A finding when there are fewer.',
  'spec.monitor.sources[endpoint-metrics].metrics.InvocationsPerInstance':
    'Invocations per instance in a period.',
  'spec.monitor.sources[endpoint-metrics].metrics.InvocationsPerInstance.above':
    'A finding when there are more.',
  'spec.monitor.sources[endpoint-metrics].metrics.InvocationsPerInstance.below':
    'A finding when there are fewer.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocation4XXErrors': 'Invocations answered 4XX.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocation4XXErrors.aboveShare':
    'A finding when their share of the invocations is above this; without an invocation there is none.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocation4XXErrors.above':
    'A finding when there are more in a period.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocation5XXErrors': 'Invocations answered 5XX.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocation5XXErrors.aboveShare':
    'A finding when their share of the invocations is above this; without an invocation there is none.',
  'spec.monitor.sources[endpoint-metrics].metrics.Invocation5XXErrors.above':
    'A finding when there are more in a period.',
  'spec.monitor.sources[metric-math].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[metric-math].kind': 'An expression of CloudWatch metric math with limits.',
  'spec.monitor.sources[metric-math].expression':
    'The expression over the ids of `metrics`, such as `100 * errors / requests`.',
  'spec.monitor.sources[metric-math].metrics':
    'Id → metric with `namespace`, `name`, `dimensions` and `stat`; at most ten.',
  'spec.monitor.sources[metric-math].metrics.<name>.namespace': 'Namespace of the metric.',
  'spec.monitor.sources[metric-math].metrics.<name>.name': 'Name of the metric in CloudWatch.',
  'spec.monitor.sources[metric-math].metrics.<name>.dimensions':
    'Dimensions of the metric, name to value.',
  'spec.monitor.sources[metric-math].metrics.<name>.stat': 'Statistic, such as `Average` or `p99`.',
  'spec.monitor.sources[metric-math].period': 'Period over which the statistics are taken.',
  'spec.monitor.sources[metric-math].above': 'A finding when the value is above this.',
  'spec.monitor.sources[metric-math].below': 'A finding when the value is below this.',
  'spec.monitor.sources[captured-inputs].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[captured-inputs].kind':
    'Requests captured at the endpoint, compared with a baseline.',
  'spec.monitor.sources[captured-inputs].window':
    'Length of a window. Windows are aligned to the clock and do not overlap.',
  'spec.monitor.sources[captured-inputs].settle':
    'How long after its end captured files of a window may still arrive.',
  'spec.monitor.sources[captured-inputs].baseline':
    '`champion`: the data the serving version was trained on; or the address of a Parquet or CSV file.',
  'spec.monitor.sources[captured-inputs].columns':
    'Columns of CSV requests in their order. JSON requests name their own.',
  'spec.monitor.sources[captured-inputs].scores':
    'Where the baseline’s scores are, so that captured scores are compared with them: `evaluation` (the predictions that the serving version was judged by), or `{ column, label }` of the baseline file, where `label` holds what came true, 0 or 1. Absent: scores are not compared.',
  'spec.monitor.sources[captured-inputs].estimate':
    'Performance estimated from the scores, while labels are missing. A warning at most: an estimate starts no release.',
  'spec.monitor.sources[captured-inputs].estimate.metric': 'What is estimated.',
  'spec.monitor.sources[captured-inputs].estimate.floor':
    'A warning when the whole interval of the estimate lies below.',
  'spec.monitor.sources[ground-truth].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[ground-truth].kind':
    'Labels that arrive later, joined to captured outputs.',
  'spec.monitor.sources[ground-truth].labels': 'Address below which the labels arrive.',
  'spec.monitor.sources[ground-truth].window': 'Length of a window, by the time of the prediction.',
  'spec.monitor.sources[ground-truth].delay':
    'How long after the prediction its label has arrived. A window is judged when its end is this long ago.',
  'spec.monitor.sources[ground-truth].late':
    'How long after that labels that came late are read, once more; the window is then judged again. `0s`: never. Default: as long as `delay`.',
  'spec.monitor.sources[ground-truth].metric':
    'What performance is measured by. Labels of `rmse` and `mae` are amounts, of the others 0 or 1.',
  'spec.monitor.sources[ground-truth].floor':
    "A breach when the metric's whole interval lies below. Choose it below your champion's own interval.",
  'spec.monitor.sources[ground-truth].ceiling':
    'In the place of `floor` where less is better (`log_loss`, `brier`, `rmse`, `mae`): a breach when the whole interval lies above.',
  'spec.monitor.sources[ground-truth].minRows': 'Fewest labelled rows for a verdict on a window.',
  'spec.monitor.sources[ground-truth].minCoverage':
    'Smallest share of predictions with a label for a verdict. Any when absent; the share is always told.',
  'spec.monitor.sources[model-monitor].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[model-monitor].kind':
    'Executions of a SageMaker Model Monitor schedule, for accounts that still have it.',
  'spec.monitor.sources[model-monitor].schedule':
    'Name of the monitoring schedule. Its cron expression says how long a window is.',
  'spec.monitor.sources[model-monitor].late':
    'How long after its scheduled time an execution has ended; later it is told as late, or as missing.',
  'spec.monitor.sources[model-monitor].settle': 'How long after its end an execution is read.',
  'spec.monitor.sources[model-monitor].alerts':
    "Take Model Monitor's own alerts (datapoints to alert) instead of `detect.persistence`.",
  'spec.monitor.sources[model-monitor].checks':
    '`constraint_check_type` → what its violations stand for: `drift`, `performance`, `data quality`, `warn` or `none`.',
  'spec.monitor.sources[model-monitor].manage':
    'modelkeeper makes, changes and removes the schedule, its job definition and its baseline by this ([docs/sources.md](sources.md)). Absent: the schedule is somebody else’s and only read.',
  'spec.monitor.sources[model-monitor].manage.type': 'What is monitored.',
  'spec.monitor.sources[model-monitor].manage.cron':
    'When it runs, in UTC: every hour, once a day, or every so many hours from an hour on.',
  'spec.monitor.sources[model-monitor].manage.state':
    '`running`, or `stopped`: it is kept but does not run.',
  'spec.monitor.sources[model-monitor].manage.image':
    'Image of the analyser for the Region: of `model-monitor` for data and model quality, of `clarify` for bias and explainability.',
  'spec.monitor.sources[model-monitor].manage.role':
    'Execution role of executions and baselining jobs.',
  'spec.monitor.sources[model-monitor].manage.instanceType': 'Type of the machines.',
  'spec.monitor.sources[model-monitor].manage.instanceCount': 'Number of machines.',
  'spec.monitor.sources[model-monitor].manage.volumeGb': 'Volume of each machine, in GB.',
  'spec.monitor.sources[model-monitor].manage.maxRuntime':
    'Longest run of an execution; at most the time between two, and half an hour for model quality and bias each hour.',
  'spec.monitor.sources[model-monitor].manage.baseline': 'What executions are compared with.',
  'spec.monitor.sources[model-monitor].manage.baseline.dataset':
    'Data that a baselining job makes it of; `champion`: those of the version that serves, and made again with each new one.',
  'spec.monitor.sources[model-monitor].manage.baseline.format':
    'Format of the data, for data and model quality. `csv` has a header.',
  'spec.monitor.sources[model-monitor].manage.baseline.config':
    'Analysis config of the baselining job of bias and explainability. Default: `config`.',
  'spec.monitor.sources[model-monitor].manage.baseline.run':
    'Another number has the baseline made again, after it failed or the data were written anew.',
  'spec.monitor.sources[model-monitor].manage.baseline.constraints':
    'Constraints that are there, in place of `dataset`.',
  'spec.monitor.sources[model-monitor].manage.baseline.statistics':
    'Statistics that are there; only for data quality, with `constraints`.',
  'spec.monitor.sources[model-monitor].manage.output':
    'Where baselines and executions are written. Default: `monitors/<model>` below `spec.storage`.',
  'spec.monitor.sources[model-monitor].manage.problem':
    'What the model answers; for model quality.',
  'spec.monitor.sources[model-monitor].manage.groundTruth':
    'Labels in Model Monitor’s format, for model quality and bias.',
  'spec.monitor.sources[model-monitor].manage.attributes':
    'Where answers and labels stand, as an index, a column name or JSONPath.',
  'spec.monitor.sources[model-monitor].manage.attributes.inference': 'The answer.',
  'spec.monitor.sources[model-monitor].manage.attributes.probability': 'The probability.',
  'spec.monitor.sources[model-monitor].manage.attributes.probabilityThreshold':
    'From which probability the answer is positive.',
  'spec.monitor.sources[model-monitor].manage.attributes.features':
    'The features, for bias and explainability.',
  'spec.monitor.sources[model-monitor].manage.attributes.groundTruth':
    'Column of the labels in `baseline.dataset`.',
  'spec.monitor.sources[model-monitor].manage.config':
    'Analysis config of SageMaker Clarify, for bias and explainability.',
  'spec.monitor.sources[model-monitor].manage.offsets':
    'Which captured data an execution joins with labels; the hour before it when absent.',
  'spec.monitor.sources[model-monitor].manage.offsets.start':
    'Begin, so long before the execution; whole hours.',
  'spec.monitor.sources[model-monitor].manage.offsets.end': 'End, so long before the execution.',
  'spec.monitor.sources[model-monitor].manage.environment':
    'Environment of the analyser, beside what modelkeeper sets.',
  'spec.monitor.sources[model-monitor].manage.subnets':
    'Subnets of the machines, with `securityGroups`.',
  'spec.monitor.sources[model-monitor].manage.securityGroups': 'Security groups of the machines.',
  'spec.monitor.sources[evidently].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[evidently].prefix': 'Address below which the reports arrive.',
  'spec.monitor.sources[evidently].every':
    'How often a report is due. A report that tells only one instant is about this long before it.',
  'spec.monitor.sources[evidently].settle': 'How long after it was written a report is read.',
  'spec.monitor.sources[evidently].kind': 'Reports of Evidently, saved as JSON.',
  'spec.monitor.sources[nannyml].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[nannyml].prefix': 'Address below which the reports arrive.',
  'spec.monitor.sources[nannyml].every':
    'How often a report is due. A report that tells only one instant is about this long before it.',
  'spec.monitor.sources[nannyml].settle': 'How long after it was written a report is read.',
  'spec.monitor.sources[nannyml].kind': 'Results of NannyML: flat frames as JSON, CSV or Parquet.',
  'spec.monitor.sources[mlflow].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[mlflow].prefix': 'Address below which the reports arrive.',
  'spec.monitor.sources[mlflow].every':
    'How often a report is due. A report that tells only one instant is about this long before it.',
  'spec.monitor.sources[mlflow].settle': 'How long after it was written a report is read.',
  'spec.monitor.sources[mlflow].kind':
    'Metrics of MLflow runs: answers of its REST interface, or its file store.',
  'spec.monitor.sources[multivariate].id': 'Name of the source in status and reports.',
  'spec.monitor.sources[multivariate].kind':
    'Columns together: a processing job compares what was captured with a reference, by a domain classifier or PCA.',
  'spec.monitor.sources[multivariate].window':
    'Length of a window, by the clock in UTC. Each is one job.',
  'spec.monitor.sources[multivariate].settle':
    "How long after its end a window's capture may still arrive before the job starts.",
  'spec.monitor.sources[multivariate].method':
    '`domain-classifier`: how well the two can be told apart (AUC); `pca`: how badly the window is put together again.',
  'spec.monitor.sources[multivariate].reference':
    'Rows to compare with: `champion` for what the serving version was trained on, or an address.',
  'spec.monitor.sources[multivariate].columns':
    'Columns of the requests in their order. Default: as another source or the baseline has them.',
  'spec.monitor.sources[multivariate].image':
    "Image of modelkeeper in your registry (Dockerfile.job), of the worker's version.",
  'spec.monitor.sources[multivariate].role':
    'Execution role of the job: it reads capture, reference and `storage`, and writes below `storage`.',
  'spec.monitor.sources[multivariate].instanceType': 'Type of the machine.',
  'spec.monitor.sources[multivariate].volumeGb': 'Volume of the machine, in GB.',
  'spec.monitor.sources[multivariate].maxRuntime':
    'SageMaker stops the job after that long; the window then cannot tell.',
  'spec.monitor.sources[multivariate].seed': 'Draws rows and folds.',
  'spec.monitor.sources[multivariate].maxRows': 'Most rows of either side that are looked at.',
  'spec.monitor.sources[multivariate].limits':
    'When it is drift: the whole interval beyond a limit, and hardly chance.',
  'spec.monitor.sources[multivariate].limits.warn':
    'Limit of a warning. Default: an AUC of 0.55, a shift of 0.2 standard deviations.',
  'spec.monitor.sources[multivariate].limits.drift':
    'Limit of drift. Default: an AUC of 0.65, a shift of 0.5 standard deviations.',
  'spec.monitor.sources[multivariate].limits.significance':
    'Chance below which it counts. Default: 0.01.',
  'spec.monitor.sources[multivariate].limits.minRows':
    'Fewest rows of either side for a verdict. Default: 200.',
  'spec.monitor.sources[multivariate].subnets': 'Subnets of the machine.',
  'spec.monitor.sources[multivariate].securityGroups': 'Security groups of the machine.',
  'spec.monitor.sources[evidently].thresholds':
    "Method, such as `psi` or `ks` → from which score, or for tests below which p, a column has drifted. Otherwise the report's own verdict counts; for Jensen–Shannon `detect.drift`.",
  'spec.monitor.sources[evidently].metrics':
    'Name of a metric, such as `accuracy` → `floor`, `ceiling`, and `means`: `performance` or `drift`.',
  'spec.monitor.sources[evidently].metrics.<name>.floor': 'Below it the value is a finding.',
  'spec.monitor.sources[evidently].metrics.<name>.ceiling': 'Above it the value is a finding.',
  'spec.monitor.sources[evidently].metrics.<name>.means':
    'What a finding is: `performance` or `drift`.',
  'spec.monitor.sources[nannyml].alerts':
    "Whether NannyML's own alerts count, for what has no limits under `metrics`.",
  'spec.monitor.sources[nannyml].metrics':
    'Name of a metric, such as `roc_auc` → `floor`, `ceiling`, and `means`: `performance` or `drift`.',
  'spec.monitor.sources[nannyml].metrics.<name>.floor': 'Below it the value is a finding.',
  'spec.monitor.sources[nannyml].metrics.<name>.ceiling': 'Above it the value is a finding.',
  'spec.monitor.sources[nannyml].metrics.<name>.means':
    'What a finding is: `performance` or `drift`.',
  'spec.monitor.sources[mlflow].metrics':
    'Name of a metric → `floor`, `ceiling`, and `means`: `performance` or `drift`. Others are not looked at.',
  'spec.monitor.sources[mlflow].metrics.<name>.floor': 'Below it the value is a finding.',
  'spec.monitor.sources[mlflow].metrics.<name>.ceiling': 'Above it the value is a finding.',
  'spec.monitor.sources[mlflow].metrics.<name>.means':
    'What a finding is: `performance` or `drift`.',
  'spec.monitor.noData': "The dead man's switch.",
  'spec.monitor.noData.after': 'People are told when no data arrived for this long.',
  'spec.monitor.instanceTypes':
    'Instance type → `vcpus` and `gpus`, for types that modelkeeper does not know.',
  'spec.monitor.instanceTypes.<name>.vcpus': 'Processors of the instance type.',
  'spec.monitor.instanceTypes.<name>.gpus': 'Graphics processors of the instance type.',
  'spec.detect': 'What counts as drift.',
  'spec.detect.columns': 'Columns that are treated differently.',
  'spec.detect.columns.weights':
    'Column → how much it weighs in `drift.share`, such as its importance to the model. Columns not named weigh nothing; all weigh the same when this is absent.',
  'spec.detect.segments':
    'Rows with one value of a column are judged apart, by the same rules, with p adjusted over all columns of all segments. At most five columns.',
  'spec.detect.segments.by': 'Column whose values are segments.',
  'spec.detect.segments.max':
    'Most segments of the column, by how frequent they are in the baseline; other values are one. Default 10.',
  'spec.detect.segments.minRows':
    'Fewest rows on either side for a verdict on a segment. Default: `drift.minRows`.',
  'spec.detect.segments.critical':
    'A segment that drifts makes the window drift; otherwise it is a warning. Default `false`.',
  'spec.detect.columns.critical': 'One of these drifting is enough.',
  'spec.detect.columns.ignore': 'Not compared at all.',
  'spec.detect.columns.categorical': 'Numbers that are codes, not amounts.',
  'spec.detect.columns.newValuesAreDrift':
    'Columns where new values mean a changed world, not a broken feed.',
  'spec.detect.drift': 'Limits of the comparison of one column.',
  'spec.detect.drift.warn':
    'Jensen–Shannon distance (base 2, 0 to 1) from which a column is shown as moving.',
  'spec.detect.drift.drift':
    'Jensen–Shannon distance (base 2, 0 to 1) from which a column has drifted.',
  'spec.detect.drift.significance': 'Adjusted p below which a difference is more than chance.',
  'spec.detect.drift.minRows': 'Fewest rows in a window for a verdict.',
  'spec.detect.drift.share':
    'Share of columns that must drift for the dataset to, when none of them is critical.',
  'spec.detect.persistence': 'How often before anything follows. Counts windows, not looks.',
  'spec.detect.persistence.breaches': 'Windows that must breach …',
  'spec.detect.persistence.of': '… among this many latest ones.',
  'spec.retrain': 'How a candidate is made, and when.',
  'spec.retrain.pipeline':
    'SageMaker pipeline that trains, scores both models on held-out rows, and registers. Either this or `trainingJob`.',
  'spec.retrain.pipelineVersion': 'Version of the pipeline that is run. Default: the latest.',
  'spec.retrain.selective':
    'Run some steps only, and take the outputs of the others from an earlier execution.',
  'spec.retrain.selective.from':
    'ARN of the earlier execution, or `latest` for the latest that succeeded.',
  'spec.retrain.selective.steps': 'Steps that are run.',
  'spec.retrain.trainingJob': 'SageMaker training job in place of a pipeline.',
  'spec.retrain.trainingJob.image': 'Image that trains.',
  'spec.retrain.trainingJob.servingImage':
    'Image that serves what was trained. Default: the image that trains.',
  'spec.retrain.trainingJob.role': 'Execution role of the job.',
  'spec.retrain.trainingJob.instanceType': 'Machines it runs on.',
  'spec.retrain.trainingJob.instanceCount': 'How many.',
  'spec.retrain.trainingJob.volumeGb': 'Storage of each in gigabytes.',
  'spec.retrain.trainingJob.maxRuntime': 'Longest it may train. SageMaker stops it then.',
  'spec.retrain.trainingJob.inputMode': 'How the container gets its channels.',
  'spec.retrain.trainingJob.hyperParameters': 'Values are tokens as in `parameters`, or texts.',
  'spec.retrain.trainingJob.environment': 'Values are tokens as in `parameters`, or texts.',
  'spec.retrain.trainingJob.channels': 'Channel → address of its data.',
  'spec.retrain.trainingJob.output':
    'Where the model is written. Default: `training/<model>` below `storage`.',
  'spec.retrain.trainingJob.spot':
    'Train on spot capacity, which is cheaper and can be taken back.',
  'spec.retrain.trainingJob.spot.maxWait': 'Longest time for waiting and training together.',
  'spec.retrain.trainingJob.spot.checkpoints':
    'Address of the checkpoints that an interrupted job goes on from; each release has a folder below.',
  'spec.retrain.trainingJob.subnets': 'Subnets of the VPC the jobs run in.',
  'spec.retrain.trainingJob.securityGroups': 'Security groups of the jobs.',
  'spec.retrain.trainingJob.contentTypes': 'What the model takes and answers, for the registry.',
  'spec.retrain.evaluationJob':
    'SageMaker processing job that scores candidate and champion after the training job.',
  'spec.retrain.evaluationJob.image': 'Image that scores. Default: the image that trains.',
  'spec.retrain.evaluationJob.role': 'Execution role of the job. Default: the role that trains.',
  'spec.retrain.evaluationJob.instanceType': 'Machines it runs on.',
  'spec.retrain.evaluationJob.instanceCount': 'How many.',
  'spec.retrain.evaluationJob.volumeGb': 'Storage of each in gigabytes.',
  'spec.retrain.evaluationJob.maxRuntime': 'Longest it may take.',
  'spec.retrain.evaluationJob.entrypoint': "Command of the container. Default: the image's own.",
  'spec.retrain.evaluationJob.arguments': 'Arguments of the command.',
  'spec.retrain.evaluationJob.environment': 'Values are tokens as in `parameters`, or texts.',
  'spec.retrain.evaluationJob.inputs':
    'Input → address of its data, beside `candidate` and `champion`.',
  'spec.retrain.parameters':
    'Pipeline parameter → a token, such as `window.start`, `holdout.end`, `champion.package` or `release.name` (docs/pipeline.md lists them), or a text passed on as it is. Checked against what the pipeline declares.',
  'spec.retrain.window': 'Length of the training window.',
  'spec.retrain.holdOut': 'Length of the held-out window right after it, on which both are judged.',
  'spec.retrain.dataDelay': 'How long after an event its labelled row is in the training data.',
  'spec.retrain.on': 'What may start a release by itself.',
  'spec.retrain.schedule': 'Cron expression of five fields, for `on: [schedule]`.',
  'spec.retrain.timeZone': 'Time zone of the schedule, a name of the IANA database.',
  'spec.retrain.cooldown': 'Time after a release in which nothing starts by itself.',
  'spec.retrain.budget':
    'Most releases, and dollars, in a sliding time. Over it, a person is asked.',
  'spec.retrain.budget.runs': 'Releases, at most 200 …',
  'spec.retrain.budget.per': '… in this time.',
  'spec.retrain.budget.usd':
    'US dollars in the same time. A run that would exceed it, or whose cost nobody can say, asks a person.',
  'spec.retrain.budget.prices':
    'Instance type → US dollars an hour. Or the path or S3 address of a YAML or JSON file with them, which `plan` and `apply` (and, of a path, `validate`) read into the policy.',
  'spec.retrain.retries':
    "How often what AWS's own trouble has ended (capacity, throttling, internal errors) is tried again.",
  'spec.retrain.retries.times': 'Most retries, at most 10. Default: 2.',
  'spec.retrain.retries.wait':
    'Before the first retry; each further wait is twice as long, at most 1h. Default: 5m.',
  'spec.retrain.instances': 'What to train on when there is no capacity or no quota.',
  'spec.retrain.instances.parameter':
    'Pipeline parameter that takes the instance type. Not for a training job.',
  'spec.retrain.instances.fallbacks': 'Instance types in the order in which they are tried.',
  'spec.retrain.timeout':
    'Longest the training may take, waits and retries included. Begins anew when a person resumes it.',
  'spec.evaluate': 'What a candidate must show.',
  'spec.evaluate.confidence': 'One-sided confidence of every bound.',
  'spec.evaluate.minRows': 'Fewest held-out rows for a verdict.',
  'spec.evaluate.predictions':
    'Metadata key of the model package that holds the address of the predictions file.',
  'spec.evaluate.trainingRows':
    'Metadata key of the model package that holds the address of the training row ids.',
  'spec.evaluate.inputs': 'What the columns of the predictions are called, where not as here.',
  'spec.evaluate.inputs.task':
    '`classification` (labels 0 and 1, scores of 0 to 1) or `regression` (numbers). Default: told from the metrics of the gates.',
  'spec.evaluate.inputs.rowId': 'Default: `rowId`.',
  'spec.evaluate.inputs.label': 'Default: `label`.',
  'spec.evaluate.inputs.champion': 'Default: `champion`.',
  'spec.evaluate.inputs.candidate': 'Default: `candidate`.',
  'spec.evaluate.inputs.eventTime': 'Milliseconds since 1970. Default: `eventTimeMs`.',
  'spec.evaluate.inputs.group':
    'What a row is about, such as a customer. Rows of the same are drawn together, so that repeated ones do not count as evidence of their own.',
  'spec.evaluate.inputs.weight': 'How much a row counts, a number of 0 or more.',
  'spec.evaluate.inputs.latency': 'Milliseconds that each answer took, for gates on latency.',
  'spec.evaluate.inputs.latency.champion': 'Default: `latencyChampionMs`.',
  'spec.evaluate.inputs.latency.candidate': 'Default: `latencyCandidateMs`.',
  'spec.evaluate.inputs.slices': 'Columns that gates may slice by; each must be there.',
  'spec.evaluate.allowPointEstimates':
    'A package without predictions is judged by its ModelMetrics.ModelQuality.Statistics: numbers without rows and intervals, which nobody checked. Default: it fails.',
  'spec.evaluate.datasets':
    'Further sets of predictions that gates can name by `dataset`, such as a golden one; `recent` is the held-out rows.',
  'spec.evaluate.datasets.<name>.uri':
    'Address of its Parquet file, where `{model}`, `{release}` and `{version}` (of the package) stand for those of the candidate. Default: from the metadata.',
  'spec.evaluate.datasets.<name>.predictions':
    'Metadata key of the model package that holds its address. Default: that of `evaluate.predictions` and `-<name>`, such as `modelkeeper:predictions-golden`.',
  'spec.evaluate.datasets.<name>.role':
    '`gate` (the default), or `show`: its metrics are shown, and no gate may name it.',
  'spec.evaluate.datasets.<name>.minRows': 'With fewer rows no gate on it can tell.',
  'spec.evaluate.datasets.<name>.minPositives':
    'With fewer rows of the rarer class no gate on it can tell.',
  'spec.evaluate.datasets.<name>.afterTrainingCutoff':
    '`required`: rows from before the end of the training data fail its gates. So it always is with `recent`. Default: `not_required`.',
  'spec.evaluate.gates': 'Each is passed, failed or inconclusive. At least one must be required.',
  'spec.evaluate.gates[absolute].id': 'Name of the gate.',
  'spec.evaluate.gates[absolute].dataset':
    'Set of predictions that it looks at, of `evaluate.datasets`. Default: `recent`, the held-out rows.',
  'spec.evaluate.gates[absolute].kind': 'The candidate alone against a limit.',
  'spec.evaluate.gates[absolute].metric': 'Metric that is judged.',
  'spec.evaluate.gates[absolute].min': 'Least, for metrics that are better when higher.',
  'spec.evaluate.gates[absolute].max': 'Most, for metrics that are better when lower.',
  'spec.evaluate.gates[absolute].on':
    '`estimate`, or `bound`: the end of the interval that is against the candidate.',
  'spec.evaluate.gates[absolute].by':
    'The same gate on each value of these columns, corrected for their number (Holm).',
  'spec.evaluate.gates[absolute].values':
    'Values that must be there, by column of `by`: one that is not fails the gate.',
  'spec.evaluate.gates[absolute].minRows':
    'Fewest rows, of a slice too, for a verdict. Default: `evaluate.minRows`.',
  'spec.evaluate.gates[absolute].onInsufficient':
    'Too few rows: `inconclusive` (the default), `warn` (told, and does not hold up the verdict), or `fail`.',
  'spec.evaluate.gates[absolute].sql':
    'With `metric: custom`: one aggregate over the columns of the predictions; `score` is the score of each model in turn, `label` the label.',
  'spec.evaluate.gates[absolute].better': 'With `metric: custom`: which way is better.',
  'spec.evaluate.gates[absolute].severity':
    '`required`, or `advisory`: shown to the approver only.',
  'spec.evaluate.gates[non_inferior].id': 'Name of the gate.',
  'spec.evaluate.gates[non_inferior].dataset':
    'Set of predictions that it looks at, of `evaluate.datasets`. Default: `recent`, the held-out rows.',
  'spec.evaluate.gates[non_inferior].kind': 'The candidate is not much worse than the champion.',
  'spec.evaluate.gates[non_inferior].metric': 'Metric that is compared.',
  'spec.evaluate.gates[non_inferior].margin': 'How much worse is still accepted: one of the two.',
  'spec.evaluate.gates[non_inferior].margin.absolute': "In the metric's own unit.",
  'spec.evaluate.gates[non_inferior].margin.relative':
    "As a share of the champion's value, such as 0.02 for 2 %. Not for `mcc`, `r2` and `custom`, which can be 0 or below.",
  'spec.evaluate.gates[non_inferior].by':
    'The same gate on each value of these columns, corrected for their number (Holm).',
  'spec.evaluate.gates[non_inferior].values':
    'Values that must be there, by column of `by`: one that is not fails the gate.',
  'spec.evaluate.gates[non_inferior].minRows':
    'Fewest rows, of a slice too, for a verdict. Default: `evaluate.minRows`.',
  'spec.evaluate.gates[non_inferior].onInsufficient':
    'Too few rows: `inconclusive` (the default), `warn` (told, and does not hold up the verdict), or `fail`.',
  'spec.evaluate.gates[non_inferior].sql':
    'With `metric: custom`: one aggregate over the columns of the predictions; `score` is the score of each model in turn, `label` the label.',
  'spec.evaluate.gates[non_inferior].better': 'With `metric: custom`: which way is better.',
  'spec.evaluate.gates[non_inferior].severity':
    '`required`, or `advisory`: shown to the approver only.',
  'spec.evaluate.gates[superior].id': 'Name of the gate.',
  'spec.evaluate.gates[superior].dataset':
    'Set of predictions that it looks at, of `evaluate.datasets`. Default: `recent`, the held-out rows.',
  'spec.evaluate.gates[superior].kind': 'The candidate is better than the champion.',
  'spec.evaluate.gates[superior].metric': 'Metric that is compared.',
  'spec.evaluate.gates[superior].minGain': "How much better it must be, in the metric's own unit.",
  'spec.evaluate.gates[superior].by':
    'The same gate on each value of these columns, corrected for their number (Holm).',
  'spec.evaluate.gates[superior].values':
    'Values that must be there, by column of `by`: one that is not fails the gate.',
  'spec.evaluate.gates[superior].minRows':
    'Fewest rows, of a slice too, for a verdict. Default: `evaluate.minRows`.',
  'spec.evaluate.gates[superior].onInsufficient':
    'Too few rows: `inconclusive` (the default), `warn` (told, and does not hold up the verdict), or `fail`.',
  'spec.evaluate.gates[superior].sql':
    'With `metric: custom`: one aggregate over the columns of the predictions; `score` is the score of each model in turn, `label` the label.',
  'spec.evaluate.gates[superior].better': 'With `metric: custom`: which way is better.',
  'spec.evaluate.gates[superior].severity':
    '`required`, or `advisory`: shown to the approver only.',
  'spec.evaluate.gates[bias].id': 'Name of the gate.',
  'spec.evaluate.gates[bias].dataset':
    'Set of predictions that it looks at, of `evaluate.datasets`. Default: `recent`, the held-out rows.',
  'spec.evaluate.gates[bias].kind': 'The candidate treats groups of rows the same.',
  'spec.evaluate.gates[bias].metric':
    'By the names of SageMaker Clarify: `dppl` positive predictions, `di` their ratio, `ad` accuracy, `rd` recall, `sd` specificity, `dar` precision; all the others less this group.',
  'spec.evaluate.gates[bias].facet': 'Column that says which group a row is about.',
  'spec.evaluate.gates[bias].disadvantaged':
    'Values of the facet that are each compared with all the other rows. Default: every value.',
  'spec.evaluate.gates[bias].range':
    'Least and most, around 0 (`di`: 1), which is equal treatment.',
  'spec.evaluate.gates[bias].orNotWorseThanChampion':
    'Out of the range passes where the candidate surely is no further from equal treatment than the champion.',
  'spec.evaluate.gates[bias].minRows':
    'Fewest rows of the group, and of the others. Default: `evaluate.minRows`.',
  'spec.evaluate.gates[bias].onInsufficient':
    'Too few rows: `inconclusive` (the default), `warn` (told, and does not hold up the verdict), or `fail`.',
  'spec.evaluate.gates[bias].severity': '`required`, or `advisory`: shown to the approver only.',
  'spec.approve': 'Who lets a candidate into service.',
  'spec.approve.approvals': 'Distinct people who must approve. One rejection settles the matter.',
  'spec.approve.approvers': 'People, and groups as `group:name`.',
  'spec.approve.requesterMayApprove':
    "Whether who asked for the release may decide on it. An automatic trigger's requester is the policy's author.",
  'spec.approve.doors':
    'Ways of deciding that count. `cli` is proven by AWS; `local` by nothing but the operating-system user; `registry` by what AWS says of who set the status in SageMaker Studio; `temporal` by nothing.',
  'spec.approve.remind': 'People are reminded so long after the request.',
  'spec.approve.escalate': 'Somebody else is told when nobody answers.',
  'spec.approve.escalate.after': 'So long after the request.',
  'spec.approve.escalate.to': 'SNS topic that is told.',
  'spec.approve.expires': 'So long after the request it ends as expired, and the champion stays.',
  'spec.deploy': 'How a candidate takes the traffic.',
  'spec.deploy.strategy':
    'A SageMaker deployment guardrail (`canary`, `linear`, `rolling`), everything at once, or shares of the traffic that modelkeeper itself sets (`steps`).',
  'spec.deploy.steps':
    'Champion and candidate serve side by side, and the candidate takes these shares of the traffic one after the other. Default: 5 % and 25 % for 10m each, 50 % for 30m.',
  'spec.deploy.steps.percent':
    'Share of the traffic in percent, 0.1 to 100, larger with each step.',
  'spec.deploy.steps.bake': 'How long the candidate is watched at this share.',
  'spec.deploy.steps.hold':
    '`true`: the rollout goes on from this step only when a person says `resume`.',
  'spec.deploy.holdFor':
    'A rollout by steps that waits for a person longer than this is taken back. Default: 72h.',
  'spec.deploy.keep':
    'So many earlier endpoint configs with their models stay for `modelkeeper rollback --to`, next to the one that serves; older ones of ours are removed after a promotion. Default: 3.',
  'spec.deploy.rolling':
    'Some instances at a time, each batch in the place of as many old ones: needs one batch of extra capacity only. Default: 20 % and 5m.',
  'spec.deploy.rolling.percent': 'Share of the instances per batch in percent.',
  'spec.deploy.rolling.bake': 'How long alarms are watched after each batch, at most 1h.',
  'spec.deploy.rolling.rollbackPercent':
    'Share of the instances that goes back at a time when an alarm goes off; without it, all at once.',
  'spec.deploy.canary': 'One step with a share of the fleet, then the rest.',
  'spec.deploy.canary.percent': 'Share of the fleet in percent.',
  'spec.deploy.canary.bake': 'How long alarms are watched before the next step, at most 1h.',
  'spec.deploy.linear': 'Equal steps.',
  'spec.deploy.linear.percent': 'Share of the fleet per step in percent.',
  'spec.deploy.linear.bake': 'How long alarms are watched after each step, at most 1h.',
  'spec.deploy.finalBake':
    'How long the whole new fleet bakes before the old one goes, at most 1h.',
  'spec.deploy.alarms':
    '`managed`: rollback alarms on the new config are made for each rollout; or names of alarms of your own.',
  'spec.deploy.limits': 'Limits of the managed rollback alarms.',
  'spec.deploy.limits.errorShare': 'Share of invocations answered 5XX.',
  'spec.deploy.limits.latencyP99Ms': '99th percentile of ModelLatency in milliseconds.',
  'spec.deploy.limits.period': 'Period of the managed alarms: 10s, 30s or whole minutes.',
  'spec.deploy.role': "Execution role of the new model. Default: the champion's.",
  'spec.deploy.timeout': 'Longest a rollout may take.',
  'spec.deploy.shadow':
    'A gate before the rollout: copies of live requests go to the candidate, whose answers go to nobody; errors, latency and answers are compared as `deploy.compare` says. Real-time endpoints with one variant of one model only.',
  'spec.deploy.shadow.for': 'How long the candidate is shadowed.',
  'spec.deploy.shadow.sample': 'Percent of the requests that are copied. Default 50.',
  'spec.deploy.staging':
    'Staging before production: after the approval the candidate serves at this endpoint first, in an account and Region of its own where that is said, and must answer sample requests there. What fails ends the release before production.',
  'spec.deploy.staging.endpoint': 'Name of the staging endpoint. It is created when there is none.',
  'spec.deploy.staging.region': "Region of staging. Default: production's.",
  'spec.deploy.staging.variant': "Name of the variant at staging. Default: production's.",
  'spec.deploy.staging.role':
    'Role that is assumed for everything at staging, with the workflow as the name of the session. Default: `roles.deploy`, or the identity of the worker.',
  'spec.deploy.staging.role.arn': 'ARN of the role.',
  'spec.deploy.staging.role.externalId':
    "What the role's trust policy asks for as `sts:ExternalId`.",
  'spec.deploy.staging.executionRole':
    'Execution role of the model at staging, of the same account as the staging endpoint. Default: as in production.',
  'spec.deploy.staging.instanceType': "Instance type at staging. Default: production's.",
  'spec.deploy.staging.instances': 'Instances at staging. Default 1.',
  'spec.deploy.staging.vpc':
    "Network of the model at staging. Default: production's where staging is in its account and Region, else none.",
  'spec.deploy.staging.vpc.subnets': 'Ids of subnets.',
  'spec.deploy.staging.vpc.securityGroups': 'Ids of security groups.',
  'spec.deploy.staging.replica':
    'Where another Region has its copies, as S3 and ECR replicate them: the artefact under the same key, the image under the same name. For another Region only, and needed there.',
  'spec.deploy.staging.replica.bucket': 'Bucket of that Region that holds the artefacts.',
  'spec.deploy.staging.replica.registry':
    'Host of the registry of that Region. Default: that of the same account.',
  'spec.deploy.staging.check': 'What the candidate must show there.',
  'spec.deploy.staging.check.samples':
    '`captured`: requests that production has captured, which then leave its account; or the address of a file with one request per line.',
  'spec.deploy.staging.check.contentType':
    'Content type of the requests. Default: as captured; of a file, by its ending (`.csv`, `.json`, `.jsonl`).',
  'spec.deploy.staging.check.requests': 'Requests that are sent, samples in turn. Default 20.',
  'spec.deploy.staging.check.errorShare': 'Share of them that may fail. Default 0.',
  'spec.deploy.staging.check.latencyP95Ms':
    '95th percentile of the answers after the first, as the worker measures it, in milliseconds. Default 1000.',
  'spec.deploy.staging.timeout': 'Longest that staging may take. Default `1h`.',
  'spec.deploy.staging.after':
    '`remove`: an endpoint that modelkeeper created is deleted once the check is over. Default `keep`.',
  'spec.deploy.compare':
    'Compares champion and candidate while the rollout bakes. Left out of a guardrail rollout: the alarms alone decide.',
  'spec.deploy.compare.warmup':
    "Time after the candidate's first traffic that counts for nothing. Default `3m`.",
  'spec.deploy.compare.windows': 'Looks, and how sure they must be.',
  'spec.deploy.compare.windows.count':
    'Looks planned in advance: the significance is divided by them. Default 3.',
  'spec.deploy.compare.windows.alpha':
    'Chance, over all looks, to take back a version that is no worse than the margin. Default 0.05.',
  'spec.deploy.compare.minimum': 'Evidence without which nothing passes.',
  'spec.deploy.compare.minimum.invocations':
    'Invocations of the candidate without which its errors never pass. Default 1000.',
  'spec.deploy.compare.minimum.points':
    'Periods, over all windows so far, without which its latency never passes. Default 30.',
  'spec.deploy.compare.metrics':
    'What is compared. Default: 5XX errors (margin 0.005, hard 0.02) and average ModelLatency (margin 10 %, hard 50 %), both required.',
  'spec.deploy.compare.metrics[proportion].id': 'Name of the line in tables.',
  'spec.deploy.compare.metrics[proportion].kind': 'A share of the invocations.',
  'spec.deploy.compare.metrics[proportion].numerator': 'CloudWatch metric that is counted.',
  'spec.deploy.compare.metrics[proportion].margin':
    "How much larger the candidate's share may be: 0.005 is half a percentage point.",
  'spec.deploy.compare.metrics[proportion].hard':
    'Larger by more than this, on at least 100 invocations and 5 errors, and the candidate goes back at once.',
  'spec.deploy.compare.metrics[proportion].required':
    'What is not required is shown, and decides nothing. Default `true`.',
  'spec.deploy.compare.metrics[series].id': 'Name of the line in tables.',
  'spec.deploy.compare.metrics[series].kind': 'One value for each period.',
  'spec.deploy.compare.metrics[series].metric': 'CloudWatch metric.',
  'spec.deploy.compare.metrics[series].stat':
    'Statistic of a period, or a percentile such as `p90`. Default `Average`.',
  'spec.deploy.compare.metrics[series].margin': 'How much slower the candidate may be.',
  'spec.deploy.compare.metrics[series].margin.relative':
    "As a share of the champion's median: 0.1 is 10 %.",
  'spec.deploy.compare.metrics[series].hard':
    'Slower by more than this over 3 periods, and the candidate goes back at once.',
  'spec.deploy.compare.metrics[series].hard.relative':
    "As a share of the champion's median: 0.5 is 50 %.",
  'spec.deploy.compare.metrics[series].required':
    'What is not required is shown, and decides nothing. Default `true`.',
  'spec.deploy.compare.metrics[distribution].id': 'Name of the line in tables.',
  'spec.deploy.compare.metrics[distribution].kind':
    'Answers of the model, where both versions are captured apart.',
  'spec.deploy.compare.metrics[distribution].source': 'Where answers are read: data capture.',
  'spec.deploy.compare.metrics[distribution].effect': 'From where on answers are different ones.',
  'spec.deploy.compare.metrics[distribution].effect.mean':
    'Shift of the mean answer, in its own unit. Default: it is told, and decides nothing.',
  'spec.deploy.compare.metrics[distribution].effect.js':
    'Jensen–Shannon distance (base 2). Default 0.2.',
  'spec.deploy.compare.metrics[distribution].minRows':
    'Fewest captured answers of each version. Default 200.',
  'spec.deploy.compare.metrics[distribution].required':
    'A retrained model is expected to answer differently. Default `false`.',
  'spec.deploy.compare.onInconclusive':
    'What a bake that cannot tell ends in after `maxBake`: `manual`, `rollback` or `promote_if_no_hard_breach`. Default `manual`. A guardrail rollout cannot wait for people: there `manual` is told, and the alarms decide.',
  'spec.deploy.compare.maxBake': 'How long one bake may be stretched by holds. Default `60m`.',
  'spec.deploy.probation': 'How long a new version can be taken back by itself.',
  'spec.deploy.probation.for':
    'Length of the probation. It lasts longer, and says so, where `rollBackOn` names performance and the labels of as many windows as `detect.persistence` wants could not have arrived by then.',
  'spec.deploy.probation.rollBackOn': 'What takes it back.',
  'spec.roles':
    'AWS roles that are assumed, one for each stage. A stage without one works under the identity of the worker.',
  ...Object.fromEntries(
    (
      [
        ['read', 'Looks: endpoint, metrics, alarms, captured inputs, labels.'],
        ['train', 'Runs the training; reads training data and what the pipeline wrote.'],
        ['approve', 'Reads the registry and writes the status of versions.'],
        ['deploy', 'Writes: models, endpoint configs, the endpoint, alarms, scaling.'],
      ] as const
    ).flatMap(([stage, what]) => [
      [`spec.roles.${stage}`, what],
      [`spec.roles.${stage}.arn`, 'ARN of the role; its trust policy must name the worker.'],
      [`spec.roles.${stage}.externalId`, 'What the trust policy asks for as `sts:ExternalId`.'],
    ]),
  ),
  'spec.scaling': 'Auto scaling of the variant; left alone when this is not written.',
  'spec.scaling.instances': 'Limits of the fleet.',
  'spec.scaling.instances.min': 'Fewest instances.',
  'spec.scaling.instances.max': 'Most instances.',
  'spec.scaling.target': 'Target tracking.',
  'spec.scaling.target.metric': 'What is tracked.',
  'spec.scaling.target.value':
    'Invocations per instance and minute; percent of the whole instance for CPUUtilization; the unit of a custom metric.',
  'spec.scaling.target.custom': 'The metric of `metric: custom`.',
  'spec.scaling.target.custom.namespace': 'Namespace of the metric.',
  'spec.scaling.target.custom.name': 'Name of the metric.',
  'spec.scaling.target.custom.statistic': 'Statistic that is tracked.',
  'spec.scaling.target.custom.dimensions': 'Exactly the dimensions it is published with.',
  'spec.scaling.target.scaleOutCooldown': 'Least time between two steps out.',
  'spec.scaling.target.scaleInCooldown': 'Least time between two steps in.',
  'spec.metrics': 'What modelkeeper tells CloudWatch.',
  'spec.metrics.publish':
    'Drift, verdict, evaluation and waiting times as metrics of the namespace `modelkeeper`; also when this is not written.',
  'spec.scaling.steps': 'Step scaling, each way with an alarm of its own.',
  'spec.scaling.steps.metric': 'What the alarms watch. CPU is percent of the whole instance.',
  'spec.scaling.steps.period': 'Period of the alarms, whole minutes.',
  'spec.scaling.steps.periods': 'Periods in a row that must be beyond the first step.',
  'spec.scaling.steps.cooldown': 'Least time between two steps.',
  'spec.scaling.steps.out': 'Steps that add instances.',
  'spec.scaling.steps.out.above': 'From this value on.',
  'spec.scaling.steps.out.add': 'Instances to add.',
  'spec.scaling.steps.in': 'Steps that remove instances.',
  'spec.scaling.steps.in.below': 'Below this value.',
  'spec.scaling.steps.in.remove': 'Instances to remove.',
  'spec.scaling.schedule': 'Limits that change by the clock, and hold until the next entry.',
  'spec.scaling.schedule.id': 'Name of the entry.',
  'spec.scaling.schedule.cron':
    'Five-field cron expression; days of the month or of the week, not both.',
  'spec.scaling.schedule.timeZone': 'Time zone of the expression, a name of the IANA database.',
  'spec.scaling.schedule.min': 'Fewest instances from then on.',
  'spec.scaling.schedule.max': 'Most instances from then on.',
  'spec.reconcile': 'Comparing what is with what should be (docs/disagreements.md).',
  'spec.reconcile.every': 'Time between comparisons; 6h when absent.',
  'spec.reconcile.remedies':
    'Kind of disagreement → `repair`, `ask` or `report`, where it should be another than the kind’s own.',
  'spec.notify': 'Who is told; nobody when this is not written.',
  'spec.notify.topic': 'SNS topic.',
  'spec.notify.on': 'What is told.',
  'spec.notify.minSeverity':
    'Notices below it are not sent; approval requests always are. Default: `info`, everything.',
  'spec.notify.digest':
    'Many notices of one kind become one. Approval requests and critical notices never wait. Off when this is not written.',
  'spec.notify.digest.after': 'So many of a kind go out singly.',
  'spec.notify.digest.per': 'Those that follow within this time go out at its end, as one.',
  'spec.notify.quietHours':
    'Hours in which notices wait; they go out at the end, as one. Off when this is not written.',
  'spec.notify.quietHours.from': 'Begin, a time of day such as `"22:00"`.',
  'spec.notify.quietHours.to': 'End, a time of day; it may be the next morning.',
  'spec.notify.quietHours.timeZone': 'Time zone of both, a name of the IANA database.',
  'spec.notify.quietHours.except':
    'What does not wait for their end. Default: `[critical, approval]`.',
  'spec.events':
    "The service's own events on an EventBridge bus; none are sent when this is not written.",
  'spec.events.bus': '`default`, the name of a bus in the endpoint’s Region, or the ARN of a bus.',
  'spec.events.on':
    'Which: changes of stage, decisions, changes of the verdict. Default: all of them.',
};
