"""Creates a bucket in the S3 store of MLFLOW_S3_ENDPOINT_URL, unless it is there."""

import os
import sys

import boto3
from botocore.exceptions import ClientError

bucket = sys.argv[1]
store = boto3.client("s3", endpoint_url=os.environ["MLFLOW_S3_ENDPOINT_URL"])
try:
    store.create_bucket(Bucket=bucket)
    print(f"Created the bucket {bucket}.")
except ClientError as error:
    if error.response["Error"]["Code"] != "BucketAlreadyOwnedByYou":
        raise
    print(f"The bucket {bucket} is there.")
