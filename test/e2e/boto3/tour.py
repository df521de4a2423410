"""What people do with boto3, on the local AWS: calls, waiters, paginators and errors of every service.

    python3 tour.py http://127.0.0.1:4566

Prints a line for each step and, at the end, how many calls were made; ends with 1 when a step fails.
"""
import datetime
import io
import json
import sys
import time
import traceback
import urllib.request

import boto3
import boto3.s3.transfer
import botocore.config
import botocore.exceptions

URL = sys.argv[1]
ACCOUNT = '111122223333'
ROLE = f'arn:aws:iam::{ACCOUNT}:role/sagemaker-execution'
IMAGE = f'{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/other-peoples-model:1'
LATER = {'Delay': 1, 'MaxAttempts': 60}

session = boto3.Session(
    aws_access_key_id='sandbox', aws_secret_access_key='sandbox', region_name='us-east-1'
)
calls = set()
calls_made = 0


def count(model, **_):
    global calls_made
    calls_made += 1
    calls.add(f'{model.service_model.service_name}.{model.name}')


session.events.register('before-call', count)
CONFIG = botocore.config.Config(retries={'max_attempts': 1}, s3={'addressing_style': 'path'})


def client(service):
    return session.client(service, endpoint_url=URL, config=CONFIG)


sagemaker = client('sagemaker')
runtime = client('sagemaker-runtime')
cloudwatch = client('cloudwatch')
events = client('events')
sns = client('sns')
sqs = client('sqs')
scaling = client('application-autoscaling')
s3 = client('s3')
sts = client('sts')

steps = []


def step(function):
    steps.append(function)
    return function


def same(found, expected):
    if found != expected:
        raise AssertionError(f'{found!r} is not {expected!r}')


def refused(code, call, **arguments):
    """Expects an error of that code; returns its message."""
    try:
        call(**arguments)
    except botocore.exceptions.ClientError as error:
        same(error.response['Error']['Code'], code)
        return error.response['Error'].get('Message', '')
    raise AssertionError(f'{code} was expected, and the call succeeded')


def wait(waiter, **arguments):
    waiter.wait(WaiterConfig=LATER, **arguments)


def until(ask):
    """Asks again until the answer is true; gives up after a minute."""
    give_up = time.monotonic() + 60
    while time.monotonic() < give_up:
        answer = ask()
        if answer:
            return answer
        time.sleep(0.2)
    raise AssertionError('waited in vain')


def every(client_, operation, key, **arguments):
    pages = client_.get_paginator(operation).paginate(**arguments)
    return [item for page in pages for item in page.get(key, [])]


@step
def sts_says_who_calls_and_lends_a_role():
    same(sts.get_caller_identity()['Account'], ACCOUNT)
    lent = sts.assume_role(RoleArn=f'arn:aws:iam::{ACCOUNT}:role/deploy', RoleSessionName='tour')
    other = boto3.client(
        'sts',
        endpoint_url=URL,
        region_name='us-east-1',
        aws_access_key_id=lent['Credentials']['AccessKeyId'],
        aws_secret_access_key=lent['Credentials']['SecretAccessKey'],
        aws_session_token=lent['Credentials']['SessionToken'],
    )
    assert other.get_caller_identity()['Arn'].endswith('assumed-role/deploy/tour')
    assert lent['Credentials']['Expiration'] > datetime.datetime.now(datetime.timezone.utc)


@step
def s3_keeps_objects():
    s3.create_bucket(Bucket='tour')
    wait(s3.get_waiter('bucket_exists'), Bucket='tour')
    put = s3.put_object(
        Bucket='tour', Key='a/ü 1+2.txt', Body='grüße'.encode(), ContentType='text/plain', Metadata={'who': 'ada'}
    )
    wait(s3.get_waiter('object_exists'), Bucket='tour', Key='a/ü 1+2.txt')
    got = s3.get_object(Bucket='tour', Key='a/ü 1+2.txt')
    same(got['Body'].read().decode(), 'grüße')
    same((got['ETag'], got['ContentType'], got['Metadata']), (put['ETag'], 'text/plain', {'who': 'ada'}))
    same(s3.get_object(Bucket='tour', Key='a/ü 1+2.txt', Range='bytes=0-1')['ContentLength'], 2)
    for number in range(5):
        s3.put_object(Bucket='tour', Key=f'list/{number}', Body=b'x')
    found = every(s3, 'list_objects_v2', 'Contents', Bucket='tour', Prefix='list/', PaginationConfig={'PageSize': 2})
    same([item['Key'] for item in found], [f'list/{number}' for number in range(5)])
    folders = s3.list_objects_v2(Bucket='tour', Delimiter='/')['CommonPrefixes']
    same([each['Prefix'] for each in folders], ['a/', 'list/'])
    s3.copy_object(Bucket='tour', Key='copy', CopySource={'Bucket': 'tour', 'Key': 'list/1'})
    deleted = s3.delete_objects(Bucket='tour', Delete={'Objects': [{'Key': 'copy'}, {'Key': 'list/4'}]})
    same(sorted(each['Key'] for each in deleted['Deleted']), ['copy', 'list/4'])
    wait(s3.get_waiter('object_not_exists'), Bucket='tour', Key='copy')
    assert 'tour' in [each['Name'] for each in s3.list_buckets()['Buckets']]


@step
def s3_refuses():
    refused('NoSuchKey', s3.get_object, Bucket='tour', Key='absent')
    refused('404', s3.head_object, Bucket='tour', Key='absent')
    refused('NoSuchBucket', s3.list_objects_v2, Bucket='absent-bucket')
    refused('PreconditionFailed', s3.put_object, Bucket='tour', Key='list/0', Body=b'y', IfNoneMatch='*')
    refused('BucketNotEmpty', s3.delete_bucket, Bucket='tour')


@step
def s3_takes_large_files_in_parts_and_signed_links():
    size = 11 * 1024 * 1024
    body = bytes(range(256)) * (size // 256)
    parts = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * 1024 * 1024, multipart_chunksize=5 * 1024 * 1024)
    s3.upload_fileobj(io.BytesIO(body), 'tour', 'large', Config=parts)
    back = io.BytesIO()
    s3.download_fileobj('tour', 'large', back, Config=parts)
    same(back.getvalue() == body, True)
    link = s3.generate_presigned_url('get_object', Params={'Bucket': 'tour', 'Key': 'list/0'})
    same(urllib.request.urlopen(link).read(), b'x')


@step
def sagemaker_hosts_an_endpoint():
    sagemaker.create_model(ModelName='tour', ExecutionRoleArn=ROLE, PrimaryContainer={'Image': IMAGE})
    for name in ['tour-1', 'tour-2']:
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {'VariantName': 'AllTraffic', 'ModelName': 'tour', 'InstanceType': 'ml.g5.xlarge', 'InitialInstanceCount': 1}
            ],
        )
    sagemaker.create_endpoint(
        EndpointName='tour', EndpointConfigName='tour-1', Tags=[{'Key': 'team', 'Value': 'operations'}]
    )
    same(sagemaker.describe_endpoint(EndpointName='tour')['EndpointStatus'], 'Creating')
    wait(sagemaker.get_waiter('endpoint_in_service'), EndpointName='tour')
    answer = runtime.invoke_endpoint(EndpointName='tour', ContentType='text/csv', Body='1,2\n3,4')
    same(answer['Body'].read().decode().split(), ['0.5', '0.5'])
    same(answer['InvokedProductionVariant'], 'AllTraffic')
    described = sagemaker.describe_endpoint(EndpointName='tour')
    assert isinstance(described['CreationTime'], datetime.datetime)
    same(sagemaker.list_tags(ResourceArn=described['EndpointArn'])['Tags'], [{'Key': 'team', 'Value': 'operations'}])
    sagemaker.add_tags(ResourceArn=described['EndpointArn'], Tags=[{'Key': 'stage', 'Value': 'tour'}])
    same(len(every(sagemaker, 'list_tags', 'Tags', ResourceArn=described['EndpointArn'])), 2)


@step
def sagemaker_updates_it_and_scales_it():
    sagemaker.update_endpoint(
        EndpointName='tour',
        EndpointConfigName='tour-2',
        DeploymentConfig={
            'BlueGreenUpdatePolicy': {
                'TrafficRoutingConfiguration': {'Type': 'ALL_AT_ONCE', 'WaitIntervalInSeconds': 0},
                'TerminationWaitInSeconds': 0,
            }
        },
    )
    wait(sagemaker.get_waiter('endpoint_in_service'), EndpointName='tour')
    same(sagemaker.describe_endpoint(EndpointName='tour')['EndpointConfigName'], 'tour-2')
    sagemaker.update_endpoint_weights_and_capacities(
        EndpointName='tour', DesiredWeightsAndCapacities=[{'VariantName': 'AllTraffic', 'DesiredInstanceCount': 2}]
    )
    wait(sagemaker.get_waiter('endpoint_in_service'), EndpointName='tour')
    names = every(sagemaker, 'list_endpoint_configs', 'EndpointConfigs', NameContains='tour', PaginationConfig={'PageSize': 1})
    same(sorted(each['EndpointConfigName'] for each in names), ['tour-1', 'tour-2'])
    same([each['EndpointName'] for each in every(sagemaker, 'list_endpoints', 'Endpoints')], ['tour'])
    same([each['ModelName'] for each in every(sagemaker, 'list_models', 'Models')], ['tour'])


@step
def sagemaker_refuses():
    message = refused('ValidationException', sagemaker.describe_endpoint, EndpointName='absent')
    assert message.startswith('Could not find endpoint'), message
    message = refused('ValidationException', sagemaker.create_endpoint, EndpointName='tour', EndpointConfigName='tour-1')
    assert 'already exist' in message, message
    message = refused('ValidationException', sagemaker.create_model, ModelName='no spaces', ExecutionRoleArn=ROLE)
    assert 'failed to satisfy constraint' in message, message
    refused('ValidationError', runtime.invoke_endpoint, EndpointName='absent', Body=b'1')
    refused('ResourceNotFound', sagemaker.describe_pipeline, PipelineName='absent')
    try:
        sagemaker.create_endpoint(EndpointName='tour')
    except botocore.exceptions.ParamValidationError:
        pass


@step
def sagemaker_answers_later():
    variant = {'VariantName': 'AllTraffic', 'ModelName': 'tour', 'InstanceType': 'ml.m5.large', 'InitialInstanceCount': 1}
    sagemaker.create_endpoint_config(
        EndpointConfigName='tour-async',
        ProductionVariants=[variant],
        AsyncInferenceConfig={'OutputConfig': {'S3OutputPath': 's3://tour/async'}},
    )
    sagemaker.create_endpoint(EndpointName='tour-async', EndpointConfigName='tour-async')
    wait(sagemaker.get_waiter('endpoint_in_service'), EndpointName='tour-async')
    s3.put_object(Bucket='tour', Key='rows.csv', Body='1,2')
    accepted = runtime.invoke_endpoint_async(
        EndpointName='tour-async', InputLocation='s3://tour/rows.csv', ContentType='text/csv', InferenceId='later'
    )
    same((accepted['InferenceId'], accepted['OutputLocation']), ('later', 's3://tour/async/later.out'))
    wait(s3.get_waiter('object_exists'), Bucket='tour', Key='async/later.out')
    same(float(s3.get_object(Bucket='tour', Key='async/later.out')['Body'].read()), 0.5)
    refused('ValidationError', runtime.invoke_endpoint, EndpointName='tour-async', Body=b'1')
    sagemaker.delete_endpoint(EndpointName='tour-async')
    wait(sagemaker.get_waiter('endpoint_deleted'), EndpointName='tour-async')
    sagemaker.delete_endpoint_config(EndpointConfigName='tour-async')


@step
def auto_scaling_scales_the_endpoint():
    target = {
        'ServiceNamespace': 'sagemaker',
        'ResourceId': 'endpoint/tour/variant/AllTraffic',
        'ScalableDimension': 'sagemaker:variant:DesiredInstanceCount',
    }
    refused('ValidationException', scaling.register_scalable_target, **{**target, 'ResourceId': 'endpoint/absent/variant/x'}, MinCapacity=1, MaxCapacity=2)
    scaling.register_scalable_target(**target, MinCapacity=1, MaxCapacity=3)
    scaling.put_scaling_policy(
        **target,
        PolicyName='tour',
        PolicyType='TargetTrackingScaling',
        TargetTrackingScalingPolicyConfiguration={
            'TargetValue': 100.0,
            'PredefinedMetricSpecification': {'PredefinedMetricType': 'SageMakerVariantInvocationsPerInstance'},
        },
    )
    scaling.put_scheduled_action(
        **target, ScheduledActionName='night', Schedule='cron(0 22 * * ? *)', ScalableTargetAction={'MinCapacity': 1}
    )
    same(len(every(scaling, 'describe_scalable_targets', 'ScalableTargets', ServiceNamespace='sagemaker')), 1)
    policies = every(scaling, 'describe_scaling_policies', 'ScalingPolicies', ServiceNamespace='sagemaker')
    same(len(policies[0]['Alarms']), 2)
    same(len(every(scaling, 'describe_scheduled_actions', 'ScheduledActions', ServiceNamespace='sagemaker')), 1)
    every(scaling, 'describe_scaling_activities', 'ScalingActivities', ServiceNamespace='sagemaker')
    refused('ObjectNotFoundException', scaling.delete_scaling_policy, **target, PolicyName='absent')
    scaling.delete_scheduled_action(**target, ScheduledActionName='night')
    scaling.delete_scaling_policy(**target, PolicyName='tour')
    scaling.deregister_scalable_target(**target)


@step
def sagemaker_runs_jobs():
    sagemaker.create_training_job(
        TrainingJobName='tour',
        RoleArn=ROLE,
        AlgorithmSpecification={'TrainingImage': IMAGE, 'TrainingInputMode': 'File'},
        OutputDataConfig={'S3OutputPath': 's3://tour/models/'},
        ResourceConfig={'InstanceType': 'ml.m5.large', 'InstanceCount': 1, 'VolumeSizeInGB': 10},
        StoppingCondition={'MaxRuntimeInSeconds': 3600},
    )
    wait(sagemaker.get_waiter('training_job_completed_or_stopped'), TrainingJobName='tour')
    artefact = sagemaker.describe_training_job(TrainingJobName='tour')['ModelArtifacts']['S3ModelArtifacts']
    s3.head_object(Bucket='tour', Key=artefact.removeprefix('s3://tour/'))
    sagemaker.create_processing_job(
        ProcessingJobName='tour',
        RoleArn=ROLE,
        AppSpecification={'ImageUri': IMAGE},
        ProcessingResources={'ClusterConfig': {'InstanceType': 'ml.m5.large', 'InstanceCount': 1, 'VolumeSizeInGB': 10}},
    )
    wait(sagemaker.get_waiter('processing_job_completed_or_stopped'), ProcessingJobName='tour')
    same(len(every(sagemaker, 'list_training_jobs', 'TrainingJobSummaries', StatusEquals='Completed')), 1)
    same(len(every(sagemaker, 'list_processing_jobs', 'ProcessingJobSummaries')), 1)
    refused('ResourceInUse', sagemaker.create_processing_job, ProcessingJobName='tour', RoleArn=ROLE, AppSpecification={'ImageUri': IMAGE}, ProcessingResources={'ClusterConfig': {'InstanceType': 'ml.m5.large', 'InstanceCount': 1, 'VolumeSizeInGB': 10}})


@step
def sagemaker_runs_pipelines():
    definition = {
        'Version': '2020-12-01',
        'Parameters': [{'Name': 'Epochs', 'Type': 'Integer', 'DefaultValue': 1}],
        'Steps': [
            {
                'Name': 'Prepare',
                'Type': 'Processing',
                'Arguments': {
                    'RoleArn': ROLE,
                    'AppSpecification': {'ImageUri': IMAGE},
                    'ProcessingResources': {
                        'ClusterConfig': {'InstanceType': 'ml.m5.large', 'InstanceCount': 1, 'VolumeSizeInGB': 10}
                    },
                },
            }
        ],
    }
    sagemaker.create_pipeline(
        PipelineName='tour', RoleArn=ROLE, PipelineDefinition=json.dumps(definition), ClientRequestToken='t' * 32
    )
    execution = sagemaker.start_pipeline_execution(
        PipelineName='tour', PipelineParameters=[{'Name': 'Epochs', 'Value': '2'}], ClientRequestToken='e' * 32
    )['PipelineExecutionArn']
    until(
        lambda: sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)['PipelineExecutionStatus']
        == 'Succeeded'
    )
    done = every(sagemaker, 'list_pipeline_execution_steps', 'PipelineExecutionSteps', PipelineExecutionArn=execution)
    same([(each['StepName'], each['StepStatus']) for each in done], [('Prepare', 'Succeeded')])
    given = every(
        sagemaker, 'list_pipeline_parameters_for_execution', 'PipelineParameters', PipelineExecutionArn=execution
    )
    same(given, [{'Name': 'Epochs', 'Value': '2'}])
    same(len(every(sagemaker, 'list_pipelines', 'PipelineSummaries')), 1)
    same(len(every(sagemaker, 'list_pipeline_executions', 'PipelineExecutionSummaries', PipelineName='tour')), 1)


@step
def sagemaker_registers_models():
    sagemaker.create_model_package_group(ModelPackageGroupName='tour')
    package = sagemaker.create_model_package(
        ModelPackageGroupName='tour',
        ModelApprovalStatus='PendingManualApproval',
        InferenceSpecification={
            'Containers': [{'Image': IMAGE}],
            'SupportedContentTypes': ['text/csv'],
            'SupportedResponseMIMETypes': ['text/csv'],
        },
    )['ModelPackageArn']
    sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus='Approved', ApprovalDescription='tried')
    same(sagemaker.describe_model_package(ModelPackageName=package)['ModelApprovalStatus'], 'Approved')
    listed = every(sagemaker, 'list_model_packages', 'ModelPackageSummaryList', ModelPackageGroupName='tour')
    same([each['ModelPackageVersion'] for each in listed], [1])
    same(len(every(sagemaker, 'list_model_package_groups', 'ModelPackageGroupSummaryList')), 1)


@step
def model_monitor_is_closed_to_new_customers_and_opened():
    schedule = {
        'MonitoringScheduleName': 'tour',
        'MonitoringScheduleConfig': {
            'ScheduleConfig': {'ScheduleExpression': 'cron(0 * ? * * *)'},
            'MonitoringType': 'DataQuality',
            'MonitoringJobDefinitionName': 'tour',
        },
    }
    job = {
        'JobDefinitionName': 'tour',
        'DataQualityAppSpecification': {'ImageUri': IMAGE},
        'DataQualityJobInput': {'EndpointInput': {'EndpointName': 'tour', 'LocalPath': '/opt/ml/processing/input'}},
        'DataQualityJobOutputConfig': {
            'MonitoringOutputs': [{'S3Output': {'S3Uri': 's3://tour/monitor', 'LocalPath': '/opt/ml/processing/output'}}]
        },
        'JobResources': {'ClusterConfig': {'InstanceCount': 1, 'InstanceType': 'ml.m5.large', 'VolumeSizeInGB': 10}},
        'RoleArn': ROLE,
    }
    refused('ValidationException', sagemaker.create_data_quality_job_definition, **job)
    request = urllib.request.Request(
        f'{URL}/_sandbox/monitor', method='PUT', data=b'{"existingCustomer":true}'
    )
    urllib.request.urlopen(request)
    sagemaker.create_data_quality_job_definition(**job)
    sagemaker.create_monitoring_schedule(**schedule)
    until(
        lambda: sagemaker.describe_monitoring_schedule(MonitoringScheduleName='tour')['MonitoringScheduleStatus']
        == 'Scheduled'
    )
    same(len(every(sagemaker, 'list_monitoring_schedules', 'MonitoringScheduleSummaries')), 1)
    every(sagemaker, 'list_monitoring_executions', 'MonitoringExecutionSummaries', MonitoringScheduleName='tour')
    sagemaker.delete_monitoring_schedule(MonitoringScheduleName='tour')


@step
def cloudwatch_keeps_metrics():
    now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
    minute = datetime.timedelta(minutes=1)
    cloudwatch.put_metric_data(
        Namespace='Tour',
        MetricData=[
            {'MetricName': 'latency', 'Value': float(10 + at % 2), 'Timestamp': now - at * minute, 'Unit': 'Milliseconds'}
            for at in range(1, 31)
        ],
    )
    metric = {'Namespace': 'Tour', 'MetricName': 'latency'}
    queries = [
        {'Id': 'm', 'MetricStat': {'Metric': metric, 'Period': 60, 'Stat': 'tm99'}},
        {'Id': 'twice', 'Expression': 'm * 2'},
        {'Id': 'band', 'Expression': 'ANOMALY_DETECTION_BAND(m, 2)'},
    ]
    found = every(
        cloudwatch,
        'get_metric_data',
        'MetricDataResults',
        MetricDataQueries=queries,
        StartTime=now - 31 * minute,
        EndTime=now,
        MaxDatapoints=20,
    )
    same(sum(len(each['Values']) for each in found if each['Id'] == 'm'), 30)
    same({each['Id'] for each in found}, {'m', 'twice', 'band'})
    datapoints = cloudwatch.get_metric_statistics(
        **metric, StartTime=now - 31 * minute, EndTime=now, Period=3600, Statistics=['SampleCount'], ExtendedStatistics=['p50', 'IQM']
    )['Datapoints']
    same(sum(each['SampleCount'] for each in datapoints), 30.0)
    same(set(datapoints[0]['ExtendedStatistics']), {'p50', 'IQM'})
    same(len(every(cloudwatch, 'list_metrics', 'Metrics', Namespace='Tour')), 1)
    refused('InvalidParameterValue', cloudwatch.put_metric_data, Namespace='AWS/Tour', MetricData=[{'MetricName': 'm', 'Value': 1.0}])


@step
def cloudwatch_watches_them():
    alarm = {
        'Namespace': 'Tour',
        'MetricName': 'latency',
        'Period': 60,
        'EvaluationPeriods': 1,
        'Threshold': 5.0,
        'ComparisonOperator': 'GreaterThanThreshold',
    }
    for name in ['tour-1', 'tour-2', 'tour-3']:
        cloudwatch.put_metric_alarm(AlarmName=name, ExtendedStatistic='p99', **alarm)
    wait(cloudwatch.get_waiter('alarm_exists'), AlarmNames=['tour-1'])
    cloudwatch.put_composite_alarm(AlarmName='tour-all', AlarmRule='ALARM("tour-1") AND ALARM("tour-2")')
    wait(cloudwatch.get_waiter('composite_alarm_exists'), AlarmNames=['tour-all'], AlarmTypes=['CompositeAlarm'])
    until(lambda: cloudwatch.describe_alarms(AlarmNames=['tour-all'], AlarmTypes=['CompositeAlarm'])['CompositeAlarms'][0]['StateValue'] == 'ALARM')
    named = every(cloudwatch, 'describe_alarms', 'MetricAlarms', AlarmNamePrefix='tour-', PaginationConfig={'PageSize': 2})
    same([each['AlarmName'] for each in named], ['tour-1', 'tour-2', 'tour-3'])
    cloudwatch.set_alarm_state(AlarmName='tour-3', StateValue='OK', StateReason='by hand')
    assert len(every(cloudwatch, 'describe_alarm_history', 'AlarmHistoryItems', AlarmName='tour-1')) >= 2
    same(len(cloudwatch.describe_alarms_for_metric(Namespace='Tour', MetricName='latency')['MetricAlarms']), 3)
    cloudwatch.put_anomaly_detector(
        SingleMetricAnomalyDetector={'Namespace': 'Tour', 'MetricName': 'latency', 'Stat': 'Average'}
    )
    same(len(every(cloudwatch, 'describe_anomaly_detectors', 'AnomalyDetectors', Namespace='Tour')), 1)
    cloudwatch.tag_resource(ResourceARN=named[0]['AlarmArn'], Tags=[{'Key': 'team', 'Value': 'operations'}])
    same(len(cloudwatch.list_tags_for_resource(ResourceARN=named[0]['AlarmArn'])['Tags']), 1)
    refused('ResourceNotFound', cloudwatch.set_alarm_state, AlarmName='absent', StateValue='OK', StateReason='x')
    refused('ValidationError', cloudwatch.put_metric_alarm, AlarmName='x', Statistic='Sum', **{**alarm, 'Period': 15})
    cloudwatch.delete_alarms(AlarmNames=['tour-all', 'tour-1', 'tour-2', 'tour-3'])


def letting(service, queue):
    statement = {
        'Effect': 'Allow',
        'Principal': {'Service': f'{service}.amazonaws.com'},
        'Action': 'sqs:SendMessage',
        'Resource': f'arn:aws:sqs:us-east-1:{ACCOUNT}:{queue}',
    }
    return {'Policy': json.dumps({'Version': '2012-10-17', 'Statement': [statement]})}


@step
def sqs_queues():
    dead = sqs.create_queue(QueueName='tour-dead')['QueueUrl']
    dead_arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
    url = sqs.create_queue(
        QueueName='tour',
        Attributes={'RedrivePolicy': json.dumps({'deadLetterTargetArn': dead_arn, 'maxReceiveCount': 3})},
    )['QueueUrl']
    same(sqs.get_queue_url(QueueName='tour')['QueueUrl'], url)
    sqs.send_message(QueueUrl=url, MessageBody='one', MessageAttributes={'k': {'DataType': 'String', 'StringValue': 'v'}})
    sent = sqs.send_message_batch(
        QueueUrl=url, Entries=[{'Id': 'a', 'MessageBody': 'two'}, {'Id': 'b', 'MessageBody': 'three'}]
    )
    same(len(sent['Successful']), 2)
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1, MessageAttributeNames=['All'])['Messages']
    same([each['Body'] for each in got], ['one', 'two', 'three'])
    same(got[0]['MessageAttributes']['k']['StringValue'], 'v')
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=got[0]['ReceiptHandle'], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=2, AttributeNames=['All'])['Messages'][0]
    same(again['Attributes']['ApproximateReceiveCount'], '2')
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again['ReceiptHandle'])
    same(sorted(every(sqs, 'list_queues', 'QueueUrls', QueueNamePrefix='tour')), sorted([dead, url]))
    refused('AWS.SimpleQueueService.NonExistentQueue', sqs.get_queue_url, QueueName='absent')
    try:
        sqs.receive_message(QueueUrl=url + '-absent')
    except sqs.exceptions.QueueDoesNotExist:
        return
    raise AssertionError('a queue that is not there was read')


@step
def sns_publishes_to_queues():
    topic = sns.create_topic(Name='tour', Tags=[{'Key': 'team', 'Value': 'operations'}])['TopicArn']
    url = sqs.create_queue(QueueName='tour-notices', Attributes=letting('sns', 'tour-notices'))['QueueUrl']
    subscription = sns.subscribe(
        TopicArn=topic,
        Protocol='sqs',
        Endpoint=f'arn:aws:sqs:us-east-1:{ACCOUNT}:tour-notices',
        Attributes={'RawMessageDelivery': 'true', 'FilterPolicy': '{"event":["drift"]}'},
    )['SubscriptionArn']
    drift = {'event': {'DataType': 'String', 'StringValue': 'drift'}}
    sns.publish(TopicArn=topic, Message='unwanted')
    sns.publish(TopicArn=topic, Message='wanted', Subject='Drift', MessageAttributes=drift)
    batch = sns.publish_batch(
        TopicArn=topic,
        PublishBatchRequestEntries=[{'Id': 'a', 'Message': 'more', 'MessageAttributes': drift}, {'Id': 'b', 'Message': ''}],
    )
    same(([each['Id'] for each in batch['Successful']], [each['Id'] for each in batch['Failed']]), (['a'], ['b']))
    got = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=1)['Messages']
    same([each['Body'] for each in got], ['wanted', 'more'])
    same(sns.get_subscription_attributes(SubscriptionArn=subscription)['Attributes']['Protocol'], 'sqs')
    same([each['TopicArn'] for each in every(sns, 'list_topics', 'Topics')], [topic])
    same(len(every(sns, 'list_subscriptions_by_topic', 'Subscriptions', TopicArn=topic)), 1)
    same(sns.list_tags_for_resource(ResourceArn=topic)['Tags'], [{'Key': 'team', 'Value': 'operations'}])
    refused('NotFound', sns.publish, TopicArn=topic + '-absent', Message='x')
    refused('InvalidParameter', sns.publish, TopicArn=topic, Message='')
    sns.unsubscribe(SubscriptionArn=subscription)
    sns.delete_topic(TopicArn=topic)


@step
def eventbridge_routes_events():
    url = sqs.create_queue(QueueName='tour-events', Attributes=letting('events', 'tour-events'))['QueueUrl']
    pattern = json.dumps({'source': ['tour'], 'detail': {'n': [{'numeric': ['>', 1]}]}})
    events.put_rule(Name='tour', EventPattern=pattern)
    put = events.put_targets(Rule='tour', Targets=[{'Id': 'q', 'Arn': f'arn:aws:sqs:us-east-1:{ACCOUNT}:tour-events'}])
    same(put['FailedEntryCount'], 0)
    entry = {'Source': 'tour', 'DetailType': 'Tour', 'Time': datetime.datetime.now(datetime.timezone.utc)}
    sent = events.put_events(Entries=[{**entry, 'Detail': '{"n":1}'}, {**entry, 'Detail': '{"n":2}'}, {**entry, 'Detail': 'no JSON'}])
    same(sent['FailedEntryCount'], 1)
    got = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=10)['Messages']
    same(json.loads(got[0]['Body'])['detail'], {'n': 2})
    event = {'id': '1', 'account': ACCOUNT, 'region': 'us-east-1', 'time': '2026-01-01T00:00:00Z', 'resources': [], 'source': 'tour', 'detail-type': 'Tour', 'detail': {'n': 3}}
    same(events.test_event_pattern(EventPattern=pattern, Event=json.dumps(event))['Result'], True)
    same([each['Name'] for each in every(events, 'list_rules', 'Rules', NamePrefix='tour')], ['tour'])
    same(len(every(events, 'list_targets_by_rule', 'Targets', Rule='tour')), 1)
    refused('ResourceNotFoundException', events.describe_rule, Name='absent')
    refused('InvalidEventPatternException', events.put_rule, Name='x', EventPattern='{"source":"no list"}')
    refused('ValidationException', events.delete_rule, Name='tour')
    events.remove_targets(Rule='tour', Ids=['q'])
    events.delete_rule(Name='tour')
    events.create_event_bus(Name='own')
    same('own' in [each['Name'] for each in events.list_event_buses()['EventBuses']], True)


@step
def faults_arrive_as_errors_of_boto3():
    fault = [{'operation': 'SageMaker.ListModels', 'kind': 'throttle', 'times': 1}]
    request = urllib.request.Request(f'{URL}/_sandbox/faults', method='PUT', data=json.dumps(fault).encode())
    urllib.request.urlopen(request)
    once = session.client('sagemaker', endpoint_url=URL, config=botocore.config.Config(retries={'total_max_attempts': 1}))
    refused('ThrottlingException', once.list_models)
    once.list_models()


@step
def sagemaker_cleans_up():
    sagemaker.delete_endpoint(EndpointName='tour')
    wait(sagemaker.get_waiter('endpoint_deleted'), EndpointName='tour')
    for name in ['tour-1', 'tour-2']:
        sagemaker.delete_endpoint_config(EndpointConfigName=name)
    sagemaker.delete_model(ModelName='tour')
    refused('ValidationException', sagemaker.delete_model, ModelName='tour')
    listing = every(s3, 'list_objects_v2', 'Contents', Bucket='tour')
    s3.delete_objects(Bucket='tour', Delete={'Objects': [{'Key': each['Key']} for each in listing]})
    s3.delete_bucket(Bucket='tour')
    wait(s3.get_waiter('bucket_not_exists'), Bucket='tour')


failures = 0
for function in steps:
    try:
        function()
        print(f'ok {function.__name__}', flush=True)
    except Exception:
        failures += 1
        print(f'failed {function.__name__}\n{traceback.format_exc()}', flush=True)
print(f'{calls_made} calls of {len(calls)} operations', flush=True)
sys.exit(1 if failures else 0)
