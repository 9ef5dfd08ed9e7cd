//! The services of AWS that know a stack, its tables aside, as `check` asks them: played, with what a test says.

use serde_json::{Value, json};

use crate::support::{Request, Service};

/// A stack, and all that is told of it.
#[derive(Clone, Debug)]
pub struct Stack {
    pub status: &'static str,
    pub outputs: Vec<(&'static str, &'static str)>,
    /// Types and physical ids.
    pub resources: Vec<(&'static str, String)>,
    /// What each function answers, by its name.
    pub functions: Vec<(&'static str, Value)>,
    /// Functions with a reserved concurrency of 0.
    pub stopped: Vec<&'static str>,
    pub mappings: Vec<Value>,
    pub messages: &'static str,
    /// The alarms that are on.
    pub alarms: Vec<&'static str>,
    /// Actions for which there is no permission.
    pub denied: Vec<&'static str>,
}

const FUNCTIONS: [&str; 2] = ["user-sessions-Login-1", "user-sessions-Rollup-2"];

impl Stack {
    /// One that is well, whose sessions table has this stream.
    pub fn well(stream: &str) -> Self {
        let function = |name| {
            let variables = json!({
                "SESSIONS_TABLE": "SessionsTable", "METRICS_TABLE": "MetricsTable", "REPORTING_TIME_ZONE": "UTC",
                "SESSION_TIMEOUT_SECONDS": "3600", "SESSION_RETENTION_DAYS": "90", "LOG_LEVEL": "INFO",
            });
            let told = json!({
                "FunctionName": name, "State": "Active", "LastUpdateStatus": "Successful",
                "Environment": { "Variables": variables },
            });
            (name, told)
        };
        let mut resources: Vec<_> =
            FUNCTIONS.iter().map(|name| ("AWS::Lambda::Function", (*name).to_owned())).collect();
        resources.push(("AWS::DynamoDB::Table", "SessionsTable".to_owned()));
        resources.push(("AWS::CloudWatch::Alarm", "user-sessions-ApiFails-3".to_owned()));
        Self {
            status: "UPDATE_COMPLETE",
            outputs: vec![
                ("SessionsTableName", "SessionsTable"),
                ("MetricsTableName", "MetricsTable"),
                ("TimeoutSeconds", "3600"),
                ("RetentionDays", "90"),
                ("TimeZone", "UTC"),
            ],
            resources,
            functions: FUNCTIONS.map(function).into(),
            stopped: Vec::new(),
            mappings: vec![json!({
                "UUID": "0198c0de-0000-7000-8000-000000000001",
                "EventSourceArn": stream,
                "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:user-sessions-Rollup-2",
                "State": "Enabled",
                "TumblingWindowInSeconds": 30,
                "MaximumRetryAttempts": -1,
                "MaximumRecordAgeInSeconds": -1,
                "BisectBatchOnFunctionError": false,
                "LastProcessingResult": "OK",
                "DestinationConfig": {
                    "OnFailure": { "Destination": "arn:aws:sqs:us-east-1:123456789012:user-sessions-Failures-4" },
                },
            })],
            messages: "0",
            alarms: Vec::new(),
            denied: Vec::new(),
        }
    }

    pub fn play(self) -> Service {
        Service::answering(move |request| self.answer(request))
    }

    fn answer(&self, Request { head, body }: &Request) -> (u16, Vec<u8>) {
        let path = head.split(' ').nth(1).unwrap();
        let target = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("x-amz-target: ").map(str::to_owned));
        if let Some(action) = body.strip_prefix("Action=") {
            let action = action.split('&').next().unwrap();
            return self.cloudformation(action, body);
        }
        if let Some(target) = target {
            return self.sqs(&target);
        }
        if path.ends_with("/DescribeAlarms") {
            return self.cloudwatch();
        }
        self.lambda(path)
    }

    fn cloudformation(&self, action: &str, body: &str) -> (u16, Vec<u8>) {
        assert!(body.contains("StackName=user-sessions"), "{body}");
        if self.denied.contains(&format!("cloudformation:{action}").as_str()) {
            let error = "<ErrorResponse xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><Error>\
                         <Type>Sender</Type><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
            return (403, error.into());
        }
        let result = if action == "DescribeStacks" {
            let output = |(key, value): &(&str, &str)| {
                format!("<member><OutputKey>{key}</OutputKey><OutputValue>{value}</OutputValue></member>")
            };
            let outputs: String = self.outputs.iter().map(output).collect();
            format!(
                "<Stacks><member><StackName>user-sessions</StackName><CreationTime>2026-01-31T12:00:00.000Z</CreationTime>\
                 <StackStatus>{}</StackStatus><Outputs>{outputs}</Outputs></member></Stacks>",
                self.status
            )
        } else {
            let resource = |(kind, id): &(&str, String)| {
                format!(
                    "<member><ResourceType>{kind}</ResourceType><PhysicalResourceId>{id}</PhysicalResourceId>\
                     <LogicalResourceId>X</LogicalResourceId><ResourceStatus>CREATE_COMPLETE</ResourceStatus>\
                     <LastUpdatedTimestamp>2026-01-31T12:00:00.000Z</LastUpdatedTimestamp></member>"
                )
            };
            // In two pages.
            let half = self.resources.len() / 2;
            if body.contains("NextToken=half") {
                let resources: String = self.resources[half..].iter().map(resource).collect();
                format!("<StackResourceSummaries>{resources}</StackResourceSummaries>")
            } else {
                let resources: String = self.resources[..half].iter().map(resource).collect();
                format!(
                    "<StackResourceSummaries>{resources}</StackResourceSummaries><NextToken>half</NextToken>"
                )
            }
        };
        let answer = format!(
            "<{action}Response xmlns=\"http://cloudformation.amazonaws.com/doc/2010-05-15/\"><{action}Result>{result}\
             </{action}Result></{action}Response>"
        );
        (200, answer.into_bytes())
    }

    fn lambda(&self, path: &str) -> (u16, Vec<u8>) {
        let path = path.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').skip(2).filter(|part| !part.is_empty()).collect();
        match parts.as_slice() {
            ["event-source-mappings"] => {
                self.json("lambda:ListEventSourceMappings", &json!({ "EventSourceMappings": self.mappings }))
            }
            ["functions", name, "configuration"] => {
                let told = self.functions.iter().find(|(own, _)| own == name).map(|(_, told)| told);
                self.json("lambda:GetFunctionConfiguration", told.unwrap())
            }
            ["functions", name, "concurrency"] => {
                let told = if self.stopped.contains(name) {
                    json!({ "ReservedConcurrentExecutions": 0 })
                } else {
                    json!({})
                };
                self.json("lambda:GetFunctionConcurrency", &told)
            }
            _ => panic!("nobody asks for {path}"),
        }
    }

    fn sqs(&self, target: &str) -> (u16, Vec<u8>) {
        if target.trim().ends_with("getqueueurl") {
            return self
                .json("sqs:GetQueueUrl", &json!({ "QueueUrl": "http://127.0.0.1/123456789012/Failures" }));
        }
        let attributes = json!({
            "ApproximateNumberOfMessages": self.messages,
            "ApproximateNumberOfMessagesDelayed": "0",
            "ApproximateNumberOfMessagesNotVisible": "0",
        });
        self.json("sqs:GetQueueAttributes", &json!({ "Attributes": attributes }))
    }

    fn json(&self, action: &str, told: &Value) -> (u16, Vec<u8>) {
        if self.denied.contains(&action) {
            let message = format!("User: x is not authorized to perform: {action}");
            let denied = json!({ "__type": "AccessDeniedException", "message": message });
            return (403, denied.to_string().into_bytes());
        }
        (200, told.to_string().into_bytes())
    }

    fn cloudwatch(&self) -> (u16, Vec<u8>) {
        if self.denied.contains(&"cloudwatch:DescribeAlarms") {
            return (403, cbor_map(&[("__type", cbor_text("AccessDenied")), ("message", cbor_text("no"))]));
        }
        let alarm = |name: &&str| {
            cbor_map(&[
                ("AlarmName", cbor_text(name)),
                ("StateReason", cbor_text("Threshold Crossed")),
                ("StateValue", cbor_text("ALARM")),
            ])
        };
        let mut alarms = vec![0x80 + u8::try_from(self.alarms.len()).unwrap()];
        alarms.extend(self.alarms.iter().flat_map(alarm));
        (200, cbor_map(&[("MetricAlarms", alarms)]))
    }
}

/// Of few members, as CBOR has it.
fn cbor_map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut map = vec![0xa0 + u8::try_from(members.len()).unwrap()];
    map.extend(members.iter().flat_map(|(name, value)| [cbor_text(name), value.clone()].concat()));
    map
}

fn cbor_text(text: &str) -> Vec<u8> {
    [&[0x78, u8::try_from(text.len()).unwrap()], text.as_bytes()].concat()
}
