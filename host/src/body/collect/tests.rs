use http::HeaderMap;

use super::*;

/// A body of these frames.
struct Frames(VecDeque<Frame<Bytes>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn body(parts: &[&'static str]) -> Content {
    let mut frames: VecDeque<_> =
        parts.iter().map(|part| Frame::data(Bytes::from_static(part.as_bytes()))).collect();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", "1".parse().unwrap());
    frames.push_back(Frame::trailers(trailers));
    Content::streamed(Frames(frames))
}

#[tokio::test]
async fn parts_and_trailers_are_put_together() {
    let held = Held::new(100);
    let Collected::Whole(full) = collect(body(&["ab", "c"]), 3, &held).await.unwrap() else {
        panic!("three bytes are not more than three");
    };
    assert_eq!(&full.bytes()[..], b"abc");
    assert_eq!(full.trailers().and_then(|trailers| trailers.get("x-sum")).unwrap(), "1");
    assert_eq!(held.bytes(), 3);

    let mut content = Content::from(full.replaced("other".into()));
    assert_eq!(content.exact(), None, "with trailers there is no length");
    let data = content.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(&data[..], b"other");
    assert!(content.frame().await.unwrap().unwrap().is_trailers());
    assert!(content.frame().await.is_none());
    assert_eq!(held.bytes(), 0, "it was sent");
}

#[tokio::test]
async fn nothing_of_a_body_that_is_too_long_is_lost() {
    let held = Held::new(100);
    let Collected::Larger(content) = collect(body(&["ab", "cd", "ef"]), 3, &held).await.unwrap()
    else {
        panic!("six bytes are more than three");
    };
    let collected = content.collect().await.unwrap();
    assert!(collected.trailers().is_some());
    assert_eq!(&collected.to_bytes()[..], b"abcdef");
    assert_eq!(held.bytes(), 0);
}

#[tokio::test]
async fn all_bodies_together_have_a_bound() {
    let held = Held::new(4);
    let first = collect(body(&["abc"]), 10, &held).await.unwrap();
    let second = collect(body(&["d", "e"]), 10, &held).await;
    let failure = second.map(drop).unwrap_err().failure().clone();
    assert!(matches!(failure, Failure::Overloaded(_)), "{failure:?}");
    drop(first);
    assert!(collect(body(&["abcd"]), 10, &held).await.is_ok());
    assert_eq!(held.bytes(), 0);
}
