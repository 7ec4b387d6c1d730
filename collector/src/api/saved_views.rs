use axum::Json;
use axum::extract::{Path, State};
use http::StatusCode;

use super::page::Items;
use super::signed::Session;
use super::{Api, Problem};
use crate::saved_view::{Draft, Error, View};

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        match error {
            Error::Refused(why) => Self::invalid(format!("{why}.")),
            Error::Unknown => Self::not_found(format!("{error}.")),
            Error::Sql(_) => Self::internal(&error),
        }
    }
}

/// Saved filters of lists: one's own, and those that are shared.
#[utoipa::path(get, path = "/saved-views", tag = "views",
    responses((status = 200, body = Items<View>)))]
pub async fn list(State(api): State<Api>, session: Session) -> Result<Json<Items<View>>, Problem> {
    Ok(Json(Items { items: api.saved_views.list(&session.operator.name).await? }))
}

/// Saves the filters of a list; one's own of the same page and name is replaced.
#[utoipa::path(post, path = "/saved-views", tag = "views", request_body = Draft,
    responses((status = 201, body = View), (status = 422, body = Problem)))]
pub async fn save(
    State(api): State<Api>,
    session: Session,
    Json(draft): Json<Draft>,
) -> Result<(StatusCode, Json<View>), Problem> {
    Ok((StatusCode::CREATED, Json(api.saved_views.save(&draft, &session.caller).await?)))
}

/// Deletes one of one's own.
#[utoipa::path(delete, path = "/saved-views/{id}", tag = "views", params(("id" = i64, Path)),
    responses((status = 204), (status = 404, body = Problem)))]
pub async fn delete(
    State(api): State<Api>,
    session: Session,
    Path(id): Path<i64>,
) -> Result<StatusCode, Problem> {
    api.saved_views.delete(id, &session.caller).await?;
    Ok(StatusCode::NO_CONTENT)
}
