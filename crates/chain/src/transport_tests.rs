#![allow(clippy::unwrap_used)]

use super::*;

/// A node that gives these answers one after the other, the last one for ever; `None`: it answers.
struct Answers(Mutex<VecDeque<Option<UserError>>>);

fn refusal(code: i32, message: &str) -> Option<UserError> {
    Some(UserError {
        code,
        message: message.to_owned(),
        data: None,
    })
}

fn client(answers: impl IntoIterator<Item = Option<UserError>>) -> TimeoutRpcClient<Answers> {
    TimeoutRpcClient {
        inner: Answers(Mutex::new(answers.into_iter().collect())),
        state: ConnectionState::default(),
        timeout: Duration::from_secs(30),
    }
}

impl RpcClientT for Answers {
    fn request_raw<'a>(
        &'a self,
        _: &'a str,
        _: Option<Box<RawValue>>,
    ) -> RawRpcFuture<'a, Box<RawValue>> {
        let mut answers = self.0.lock().unwrap();
        let answer = match answers.len() {
            0 | 1 => answers.front().cloned().flatten(),
            _ => answers.pop_front().flatten(),
        };
        Box::pin(async move {
            match answer {
                Some(error) => Err(RpcError::User(error)),
                None => Ok(RawValue::from_string("1".to_owned()).unwrap()),
            }
        })
    }

    fn subscribe_raw<'a>(
        &'a self,
        _: &'a str,
        _: Option<Box<RawValue>>,
        _: &'a str,
    ) -> RawRpcFuture<'a, RawRpcSubscription> {
        Box::pin(async { Err(RpcError::User(UserError::method_not_found())) })
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_is_not_seen_by_the_caller() {
    for (code, message) in [
        (-32005, "limit exceeded"),
        (429, "Too Many Requests"),
        (-32603, "Internal error"),
    ] {
        let node = client([refusal(code, message), refusal(code, message), None]);
        let started = Instant::now();
        assert!(node.request("chain_getHeader", None).await.is_ok());
        let count = node.state.count();
        assert_eq!((count.sent, count.refused), (3, 2), "{code}");
        assert!(started.elapsed() >= Duration::from_millis(300), "{code}");
        assert_eq!(node.state.failure(), None, "the connection stands");
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_limited_node_is_left_alone_for_as_long_as_it_says() {
    let node = client([refusal(429, "retry after 20 s"), None]);
    let error = node.request("chain_getHeader", None).await.unwrap_err();
    let class = node.state.refusal_in(&error.to_string());
    assert!(matches!(class, Some(RpcRefusal::RateLimited(_))), "{error}");
    // Nothing is sent meanwhile.
    for _ in 0..50 {
        assert!(node.request("chain_getHeader", None).await.is_err());
    }
    assert_eq!(node.state.count().sent, 1);
    let pause = node.state.pause().unwrap();
    assert!(pause > Duration::from_secs(19), "{pause:?}");
    tokio::time::sleep(pause).await;
    assert!(node.request("chain_getHeader", None).await.is_ok());
    assert_eq!(node.state.pause(), None);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_asked_once() {
    for (code, message) in [
        (-32601, "Method not found"),
        (4003, "State already discarded for 0x00"),
        (1010, "Invalid Transaction"),
    ] {
        let node = client([refusal(code, message)]);
        assert!(node.request("state_call", None).await.is_err());
        assert_eq!(node.state.count().sent, 1, "{code}");
        assert_eq!(node.state.pause(), None, "{code}");
    }
}
