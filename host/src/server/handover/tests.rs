//! A conversation within one process.

use std::thread;

use super::*;

fn bound(count: usize) -> (SocketAddr, Vec<TcpListener>) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let sockets = crate::listener::bind(any, count).expect("bound");
    (sockets[0].local_addr().expect("bound"), sockets)
}

fn pair() -> (Channel, Channel) {
    let (one, other) = UnixStream::pair().expect("a pair");
    (Channel::new(one), Channel::new(other))
}

fn soon() -> Instant {
    clock::now() + Duration::from_secs(20)
}

/// What the other process would have then.
fn passed(offer: Offer) -> Inherited {
    let (ours, theirs) = pair();
    let sender = thread::spawn(move || offer.send(&ours));
    let inherited = Inherited::from(&theirs).expect("an offer");
    sender.join().expect("no panic").expect("sent");
    inherited
}

#[test]
fn a_socket_arrives_with_its_queue() {
    let (address, sockets) = bound(1);
    let _waiting = std::net::TcpStream::connect(address).expect("it listens");
    let mut offer = Offer::default();
    offer.listener(address, sockets);
    let mut inherited = passed(offer);
    let [socket] = inherited.listener(address).try_into().expect("one socket");
    assert!(socket.accept().is_ok(), "the connection was made before");
}

#[test]
fn more_sockets_than_fit_into_a_message_arrive() {
    let (address, sockets) = bound(DESCRIPTORS_MAX + 1);
    let mut offer = Offer::default();
    offer.listener(address, sockets);
    assert_eq!(passed(offer).listener(address).len(), DESCRIPTORS_MAX + 1);
}

#[test]
fn sockets_are_found_by_what_the_file_says_and_by_where_they_are() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let ((first, one), (second, two), (_, admin)) = (bound(1), bound(2), bound(1));
    let mut offer = Offer::default();
    offer.listener(any, one);
    offer.listener(any, two);
    offer.admin(any, admin.into_iter().next().expect("one"));
    let mut inherited = passed(offer);
    assert!(inherited.has_port(second.port()));

    let places = |sockets: Vec<TcpListener>| -> Vec<_> {
        sockets.iter().map(|socket| socket.local_addr().expect("bound")).collect()
    };
    assert_eq!(places(inherited.listener(second)), [second; 2]);
    assert_eq!(places(inherited.listener(any)), [first]);
    assert_eq!(places(inherited.listener(any)), []);
    assert!(inherited.admin(any).is_some());
    assert!(inherited.admin(any).is_none());
}

#[test]
fn what_is_not_taken_is_closed() {
    let (address, sockets) = bound(1);
    let mut offer = Offer::default();
    offer.listener(address, sockets);
    let mut inherited = passed(offer);
    inherited.close_rest();
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn who_is_not_ready_is_told_from_who_is_gone() {
    let (ours, theirs) = pair();
    let late = converse(&ours, &Offer::default(), clock::now() + Duration::from_millis(20));
    assert!(matches!(late, Err(Silence::Late)), "{late:?}");
    drop(theirs);
    let gone = converse(&ours, &Offer::default(), soon());
    assert!(matches!(gone, Err(Silence::Gone)), "{gone:?}");

    let (ours, theirs) = pair();
    theirs.send(&Message::Serving, &[]).expect("room");
    let other = converse(&ours, &Offer::default(), soon());
    assert!(matches!(other, Err(Silence::Other(_))), "{other:?}");
}
