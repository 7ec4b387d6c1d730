use super::*;
use crate::clock::SetClock;

async fn room(folder: &std::path::Path) -> SavedViews {
    let store = Store::open(&folder.join("state.sqlite")).await.unwrap();
    for name in ["an", "binh"] {
        sqlx::query(
            "INSERT INTO operator (name, full_name, password, role, whole, must_change, created_at)
             VALUES (?, '', '', 'administrator', 1, 0, 0)",
        )
        .bind(name)
        .execute(store.pool())
        .await
        .unwrap();
    }
    SavedViews::new(store, SetClock::at(Timestamp::from_micros(1)).clock())
}

fn by(who: &str) -> Caller {
    Caller { who: who.into(), address: "192.0.2.9".into() }
}

fn draft(name: &str, query: &str, shared: bool) -> Draft {
    Draft { page: "/alerts".into(), name: name.into(), query: query.into(), shared }
}

#[tokio::test]
async fn others_see_what_is_shared_and_only_the_owner_deletes() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path()).await;
    let mine = room.save(&draft("đêm", "?state=open", false), &by("an")).await.unwrap();
    let shared = room.save(&draft("cao", "?level=high", true), &by("an")).await.unwrap();
    let names = async |who: &str| {
        let views = room.list(who).await.unwrap();
        views.into_iter().map(|view| view.name).collect::<Vec<_>>()
    };
    assert_eq!(names("an").await, ["cao", "đêm"]);
    assert_eq!(names("binh").await, ["cao"]);
    assert!(matches!(room.delete(shared.id, &by("binh")).await, Err(Error::Unknown)));
    room.delete(mine.id, &by("an")).await.unwrap();
    assert!(matches!(room.delete(mine.id, &by("an")).await, Err(Error::Unknown)));
    assert_eq!(names("an").await, ["cao"]);
}

#[tokio::test]
async fn the_same_name_is_the_same_view() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path()).await;
    let first = room.save(&draft("a", "?x=1", false), &by("an")).await.unwrap();
    let again = room.save(&draft(" a ", "?x=2", true), &by("an")).await.unwrap();
    assert_eq!((first.id, again.query.as_str(), again.shared), (again.id, "?x=2", true));
    let other = room.save(&draft("a", "?x=3", false), &by("binh")).await.unwrap();
    assert_ne!(other.id, first.id);
}

#[tokio::test]
async fn what_would_lead_out_of_the_page_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let room = room(folder.path()).await;
    let page = |page: &str| Draft { page: page.into(), ..draft("a", "", false) };
    for bad in [
        page("//evil.example"),
        page("javascript:alert(1)"),
        page("/a?b"),
        page(""),
        draft("", "", false),
        draft("a", "state=open", false),
        draft("a", "?\n", false),
        draft(&"x".repeat(101), "", false),
    ] {
        assert!(matches!(room.save(&bad, &by("an")).await, Err(Error::Refused(_))), "{bad:?}");
    }
}
