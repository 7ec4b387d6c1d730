use std::time::Duration;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::StatusCode;

use super::Problem;

/// Longest time until an answer begins; a live stream begins at once and may then go on.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Gives up on what takes too long.
pub async fn limit(request: Request, next: Next) -> Response {
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let detail = "This took longer than 30 seconds. Ask for less, or try again.";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail).into_response()
        }
    }
}
