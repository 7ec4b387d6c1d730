use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use soc_archive::hunt::{self as engine, Chosen, Completeness, Export, Format, Part, Request};
use soc_event::Timestamp;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use utoipa::{IntoParams, ToSchema};

use super::signed::Session;
use super::{Api, Problem};
use crate::access::Permission;
use crate::hunt::{Asked, Draft, Error, FieldRow, Running, Saved};

/// Bars of a histogram, at the most.
const BUCKETS_MAX: u64 = 2000;

/// A question.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HuntRequest {
    /// What is asked.
    query: String,
    /// `search` or `sql`
    language: String,
    /// From when, included.
    #[schema(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until when, not included.
    #[schema(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Most rows.
    limit: Option<usize>,
    /// Fields besides the usual ones, of a search.
    columns: Option<Vec<String>>,
    /// About so many bars, of a histogram.
    buckets: Option<u64>,
}

/// A question whose answer is saved as a file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DownloadQuery {
    /// What is asked.
    query: String,
    /// `search` or `sql`
    language: String,
    /// From when.
    #[param(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until when.
    #[param(value_type = String, format = DateTime)]
    to: Timestamp,
    /// Fields besides the usual ones, with commas between them.
    columns: Option<String>,
    /// `csv`, `json` or `parquet`
    format: String,
}

/// A range of time.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RangeQuery {
    /// From when.
    #[param(value_type = String, format = DateTime)]
    from: Timestamp,
    /// Until when.
    #[param(value_type = String, format = DateTime)]
    to: Timestamp,
}

/// How many events when.
#[derive(Debug, Serialize, ToSchema)]
pub struct Histogram {
    /// Seconds from one bar to the next.
    interval_s: u64,
    /// The bars that are not empty.
    buckets: Vec<Bucket>,
    /// How complete it is.
    #[schema(value_type = Object)]
    completeness: Option<Completeness>,
}

/// One bar.
#[derive(Debug, Serialize, ToSchema)]
pub struct Bucket {
    /// Its begin.
    at: serde_json::Value,
    /// Events from then until the next bar.
    count: serde_json::Value,
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(what) => Self::invalid(what),
            Error::Hunt(engine::Error::Question { .. } | engine::Error::Limit(_)) => {
                Self::invalid(error.to_string())
            }
            Error::Unknown => Self::not_found("There is no such hunt."),
            error => Self::internal(&error),
        }
    }
}

impl HuntRequest {
    fn request(self, session: &Session) -> Result<Request, Problem> {
        let HuntRequest { query, language, from, to, limit, columns, .. } = self;
        let chosen = columns.map_or(Chosen::Events, Chosen::Fields);
        request(session, query, &language, (from, to), limit, chosen)
    }
}

fn request(
    session: &Session,
    query: String,
    language: &str,
    (from, to): (Timestamp, Timestamp),
    limit: Option<usize>,
    chosen: Chosen,
) -> Result<Request, Problem> {
    let language = crate::hunt::language(language)
        .ok_or_else(|| Problem::invalid("`language` is `search` or `sql`."))?;
    let agencies = session.agencies.clone();
    Ok(Request { query, language, from, to, agencies, limit, chosen })
}

/// Only an administrator sees what others do.
fn of(session: &Session) -> Option<&str> {
    let operator = &session.operator;
    (!operator.may(Permission::ManageOperators)).then_some(operator.name.as_str())
}

/// Hunts. The answer is one JSON object a line, as it comes: `begin`, `rows`, `progress`, and last
/// `end` or `error`.
#[utoipa::path(post, path = "/hunts", tag = "hunts", request_body = HuntRequest,
    responses((status = 200, content_type = "application/x-ndjson", body = String),
        (status = 422, body = Problem)))]
pub async fn run(
    State(api): State<Api>,
    session: Session,
    Json(asked): Json<HuntRequest>,
) -> Result<Response, Problem> {
    let request = asked.request(&session)?;
    let Asked { id, parts } = api.hunts.ask(&session.caller, request).await?;
    let lines = ReceiverStream::new(parts).map(move |part| {
        let line = format!("{}\n", crate::hunt::line(&id, &part));
        Ok::<_, std::convert::Infallible>(Bytes::from(line))
    });
    Ok(([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(lines)).into_response())
}

/// Stops a hunt.
#[utoipa::path(delete, path = "/hunts/{id}", tag = "hunts", params(("id" = String, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn stop(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    api.hunts.stop(&id, of(&session))?;
    Ok(StatusCode::NO_CONTENT)
}

/// How many events when. Of a question in SQL, the events whose `time` it gives.
#[utoipa::path(post, path = "/hunts/histogram", tag = "hunts", request_body = HuntRequest,
    responses((status = 200, body = Histogram), (status = 422, body = Problem)))]
pub async fn histogram(
    State(api): State<Api>,
    session: Session,
    Json(asked): Json<HuntRequest>,
) -> Result<Json<Histogram>, Problem> {
    let buckets = asked.buckets.unwrap_or(60).clamp(1, BUCKETS_MAX);
    let micros = asked.to.as_micros().saturating_sub(asked.from.as_micros());
    let seconds = u64::try_from(micros).unwrap_or(0) / 1_000_000;
    let interval_s = interval(seconds / buckets);
    let mut request = asked.request(&session)?;
    request.limit = None;
    request.chosen = Chosen::Histogram(interval_s);
    let mut asked = api.hunts.ask(&session.caller, request).await?;
    let mut histogram = Histogram { interval_s, buckets: Vec::new(), completeness: None };
    while let Some(part) = asked.parts.recv().await {
        match part {
            Part::Rows(batch) => {
                for row in engine::json(&batch) {
                    let mut row = row.into_iter();
                    if let (Some(at), Some(count)) = (row.next(), row.next()) {
                        histogram.buckets.push(Bucket { at, count });
                    }
                }
            }
            Part::End { completeness, .. } => histogram.completeness = Some(completeness),
            Part::Failed(error) => return Err(Error::Hunt(error).into()),
            _ => {}
        }
    }
    Ok(Json(histogram))
}

/// The next interval that people count in.
fn interval(seconds: u64) -> u64 {
    const STEPS: [u64; 16] = [
        1, 5, 10, 30, 60, 300, 600, 1800, 3600, 10_800, 21_600, 43_200, 86_400, 604_800, 2_592_000,
        31_536_000,
    ];
    STEPS.into_iter().find(|step| *step >= seconds).unwrap_or(31_536_000)
}

/// Fields of the events of a range, the most frequent first.
#[utoipa::path(get, path = "/hunts/fields", tag = "hunts", params(RangeQuery),
    responses((status = 200, body = Vec<FieldRow>)))]
pub async fn fields(
    State(api): State<Api>,
    session: Session,
    Query(range): Query<RangeQuery>,
) -> Result<Json<Vec<FieldRow>>, Problem> {
    Ok(Json(api.hunts.fields(session.agencies, (range.from, range.to)).await?))
}

/// The whole answer as a file.
#[utoipa::path(get, path = "/hunts/download", tag = "hunts", params(DownloadQuery),
    responses((status = 200, content_type = "application/octet-stream", body = String),
        (status = 422, body = Problem)))]
pub async fn download(
    State(api): State<Api>,
    session: Session,
    Query(asked): Query<DownloadQuery>,
) -> Result<Response, Problem> {
    let (format, media_type) = match asked.format.as_str() {
        "csv" => (Format::Csv, "text/csv; charset=utf-8"),
        "json" => (Format::Json, "application/x-ndjson"),
        "parquet" => (Format::Parquet, "application/vnd.apache.parquet"),
        _ => return Err(Problem::invalid("`format` is `csv`, `json` or `parquet`.")),
    };
    let columns = asked.columns.unwrap_or_default();
    let columns = columns.split(',').map(str::trim).filter(|name| !name.is_empty());
    let chosen = Chosen::Fields(columns.map(str::to_owned).collect());
    let (range, most) = ((asked.from, asked.to), Some(api.hunts.rows_max()));
    let request = request(&session, asked.query, &asked.language, range, most, chosen)?;
    let mut asked = api.hunts.ask(&session.caller, request).await?;
    // What is wrong with a question is told as such, before a file begins.
    let schema = loop {
        match asked.parts.recv().await {
            Some(Part::Begin { columns, .. }) => break columns,
            Some(Part::Failed(error)) => return Err(Error::Hunt(error).into()),
            Some(_) => {}
            None => return Err(Error::Refused("The hunt was stopped.".into()).into()),
        }
    };
    let (export, begin) =
        Export::new(format, &schema).map_err(|error| Problem::internal(&error))?;
    let name = format!("attachment; filename=\"hunt.{}\"", asked_extension(format));
    let body = Body::from_stream(file(asked, export, begin));
    let headers =
        [(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, body).into_response())
}

fn asked_extension(format: Format) -> &'static str {
    match format {
        Format::Csv => "csv",
        Format::Json => "ndjson",
        Format::Parquet => "parquet",
    }
}

/// A file that ends early breaks off, so that nobody takes it for whole.
fn file(
    asked: Asked,
    export: Export,
    begin: Bytes,
) -> impl tokio_stream::Stream<Item = Result<Bytes, std::io::Error>> + Send {
    let (sender, pieces) = tokio::sync::mpsc::channel(2);
    tokio::spawn(async move {
        let mut parts = asked.parts;
        let mut export = Some(export);
        let _ = sender.send(Ok(begin)).await;
        while let Some(part) = parts.recv().await {
            let piece = match (part, export.take()) {
                (Part::Rows(batch), Some(mut open)) => {
                    let piece = open.push(&batch);
                    export = Some(open);
                    piece.map_err(std::io::Error::other)
                }
                (Part::End { .. }, Some(open)) => open.finish().map_err(std::io::Error::other),
                (Part::Failed(error), _) => Err(std::io::Error::other(error)),
                (_, open) => {
                    export = open;
                    continue;
                }
            };
            if sender.send(piece).await.is_err() {
                return;
            }
        }
        if export.is_some() {
            let _ = sender.send(Err(std::io::Error::other("the hunt was stopped"))).await;
        }
    });
    ReceiverStream::new(pieces)
}

/// Hunts that run.
#[utoipa::path(get, path = "/hunts/running", tag = "hunts",
    responses((status = 200, body = Vec<Running>)))]
pub async fn running(State(api): State<Api>, session: Session) -> Json<Vec<Running>> {
    Json(api.hunts.list_running(of(&session)))
}

/// Saved hunts: one's own; of administrators, all.
#[utoipa::path(get, path = "/hunts/saved", tag = "hunts",
    responses((status = 200, body = Vec<Saved>)))]
pub async fn saved(State(api): State<Api>, session: Session) -> Result<Json<Vec<Saved>>, Problem> {
    Ok(Json(api.hunts.saved(of(&session)).await?))
}

/// Saves a hunt.
#[utoipa::path(post, path = "/hunts/saved", tag = "hunts", request_body = Draft,
    responses((status = 201, body = Saved), (status = 422, body = Problem)))]
pub async fn save(
    State(api): State<Api>,
    session: Session,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<Saved>), Problem> {
    let saved = api.hunts.save(&session.caller, &draft).await?;
    Ok((StatusCode::CREATED, Json(saved)))
}

/// Changes a saved hunt.
#[utoipa::path(put, path = "/hunts/saved/{id}", tag = "hunts", request_body = Draft,
    params(("id" = i64, Path)),
    responses((status = 200, body = Saved), (status = 404, body = Problem)))]
pub async fn change(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
    Json(draft): Json<Draft>,
) -> Result<Json<Saved>, Problem> {
    let caller = &session.caller;
    Ok(Json(api.hunts.change(caller, id, of(&session), &draft).await?))
}

/// Deletes a saved hunt.
#[utoipa::path(delete, path = "/hunts/saved/{id}", tag = "hunts", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn forget(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    api.hunts.forget(&session.caller, id, of(&session)).await?;
    Ok(StatusCode::NO_CONTENT)
}
