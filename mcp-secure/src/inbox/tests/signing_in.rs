use super::kit::Town;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_signs_in_once_and_looking_at_it_uses_nothing_up() {
    let town = Town::open().await;
    let link = town.link("bob").await;
    let mut browser = town.browser();
    for _ in 0..3 {
        let page = browser.get(&link).await;
        assert_eq!(page.status, 200);
        assert!(page.text().contains("signs you in as bob"), "{}", page.text());
        assert!(page.header("set-cookie").is_none());
    }
    assert_eq!(browser.get("/inbox").await.status, 401);
    assert_eq!(browser.post(&link, &[]).await.status, 303);
    assert!(browser.get("/inbox").await.text().contains("bob · acme"));
    let mut other = town.browser();
    assert_eq!(other.post(&link, &[]).await.status, 410);
    assert_eq!(other.get(&link).await.status, 410);
    assert_eq!(other.get("/inbox").await.status, 401);
}
