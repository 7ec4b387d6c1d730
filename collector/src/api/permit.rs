//! Who may use which route: said where the route is added, checked before its handler runs.
//!
//! [`Routes`] is the only way a route under `/api/v1` comes into being, and it takes none without a
//! [`Needs`]. A handler finds who asks, and whose data they may see, in what the check leaves.

use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, StatusCode, header};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::signed::{COOKIE, Session};
use super::{Api, Peer, Problem};
use crate::access::{Caller, Operator, Permission, Token};

/// What a route asks of whoever uses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing.
    Nothing,
    /// To have signed in, also while a password or a second factor has still to be set.
    SignIn,
    /// To be allowed this.
    Permission(Permission),
    /// The same, but of nobody on this machine where people come in from nowhere else.
    PermissionOrLocal(Permission),
}

/// To be allowed this.
pub(super) fn may(permission: Permission) -> Needs {
    Needs::Permission(permission)
}

/// A route and what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Declared {
    pub(super) method: String,
    /// As in the description, below `/api/v1`.
    pub(super) path: String,
    pub(super) needs: Needs,
}

/// The routes under `/api/v1`.
pub(super) struct Routes {
    api: Api,
    router: OpenApiRouter<Api>,
    declared: Vec<Declared>,
}

impl Routes {
    pub(super) fn new(api: &Api) -> Self {
        Self { api: api.clone(), router: OpenApiRouter::new(), declared: Vec::new() }
    }

    /// Adds routes that need the same.
    pub(super) fn add(mut self, needs: Needs, routes: UtoipaMethodRouter<Api>) -> Self {
        let (schemas, paths, router) = routes;
        for (path, item) in &paths.paths {
            let methods = [
                ("GET", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("PATCH", &item.patch),
                ("DELETE", &item.delete),
            ];
            for (method, _) in methods.into_iter().filter(|(_, operation)| operation.is_some()) {
                let (method, path) = (method.to_owned(), path.clone());
                self.declared.push(Declared { method, path, needs });
            }
        }
        let check = middleware::from_fn_with_state((self.api.clone(), needs), check);
        let router = router.route_layer(check);
        Self { router: self.router.routes((schemas, paths, router)), ..self }
    }

    /// The routes with the description they are added to.
    pub(super) fn into_router(self, document: OpenApi) -> OpenApiRouter<Api> {
        OpenApiRouter::with_openapi(document).nest("/api/v1", self.router)
    }

    #[cfg(test)]
    pub(super) fn declared(&self) -> &[Declared] {
        &self.declared
    }
}

async fn check(State((api, needs)): State<(Api, Needs)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match api.admit(needs, &parts).await {
        Ok(session) => {
            if let Some(session) = session {
                parts.extensions.insert(session);
            }
            next.run(Request::from_parts(parts, body)).await
        }
        Err(problem) => problem.into_response(),
    }
}

impl Api {
    async fn admit(&self, needs: Needs, request: &Parts) -> Result<Option<Session>, Problem> {
        let permission = match needs {
            Needs::Nothing => return Ok(None),
            Needs::PermissionOrLocal(_) if self.is_local_only() => return Ok(None),
            Needs::SignIn => return Ok(Some(self.session(request).await?)),
            Needs::Permission(permission) | Needs::PermissionOrLocal(permission) => permission,
        };
        let session = self.session(request).await?;
        let operator = &session.operator;
        if operator.must_change {
            return Err(Problem::password_change_required());
        }
        if operator.must_enrol {
            return Err(Problem::second_factor_setup_required());
        }
        if !operator.may(permission) {
            return Err(self.forbidden(operator, permission));
        }
        Ok(Some(session))
    }

    async fn session(&self, request: &Parts) -> Result<Session, Problem> {
        let unknown = || {
            let detail = "Sign in first: POST /api/v1/session with name and password.";
            Problem::new(StatusCode::UNAUTHORIZED, detail)
        };
        let headers = &request.headers;
        let token = token(headers).ok_or_else(unknown)?;
        let address = self.address(request.extensions.get::<Peer>().copied(), headers);
        let operator = self.access.session(&token, &address).await?.ok_or_else(unknown)?;
        let agencies = self.access.reach(&operator).await?;
        let caller = Caller { who: operator.name.clone(), address };
        Ok(Session { operator, token, caller, agencies })
    }

    fn forbidden(&self, operator: &Operator, permission: Permission) -> Problem {
        let role = operator.role.as_str();
        let detail = format!("The role `{role}` does not allow this: it takes `{permission:?}`.");
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    /// Whether nobody comes in but from this machine.
    fn is_local_only(&self) -> bool {
        self.config.listen.ip().is_loopback() && !self.is_behind_proxy()
    }
}

fn token(headers: &HeaderMap) -> Option<Token> {
    let text = |name| headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).find_map(|value| value.strip_prefix("Bearer "));
    let cookie = || {
        text(header::COOKIE).flat_map(|value| value.split(';')).find_map(|pair| {
            let (name, value) = pair.trim().split_once('=')?;
            (name == COOKIE).then_some(value)
        })
    };
    bearer.or_else(cookie).map(|text| Token::from_text(text.trim()))
}
