"""What peers write before they start."""

import tempfile
import unittest
from pathlib import Path

from peers import PEERS
from peers.tidegate.document import document
from sidebyside.peer import Order, render
from sidebyside.scenario import SCENARIOS, Policy


def order(folder: Path, policy: Policy, limit: int = 5) -> Order:
    return Order(policy, 18080, "127.0.0.1:19000", folder, folder, limit=limit)


class Peers(unittest.TestCase):
    def test_write_all_of_their_configuration_for_all_of_their_policies(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for key in ("hs.secret", "rs.n", "hs.jwks", "rs.jwks"):
                (folder / key).write_text("text")
            for peer in PEERS.values():
                for policy in peer.policies:
                    with self.subTest(f"{peer.name} {policy.name}"):
                        self.assertTrue(peer.launch(order(folder, policy)).argv)
            for file in folder.iterdir():
                with self.subTest(file.name):
                    self.assertNotRegex(file.read_text(), "@[A-Z]+@")

    def test_of_tidegate_do_plain_and_tls_without_plugins_and_all_else_with(self) -> None:
        self.assertEqual(PEERS["tidegate-bare"].policies | PEERS["tidegate"].policies, frozenset(Policy))
        self.assertEqual(PEERS["tidegate"].policies, PEERS["tidegate-pooled"].policies)

    def test_of_tidegate_differ_in_isolation_alone(self) -> None:
        made = {isolation: document(order(Path("/"), Policy.RATE), isolation) for isolation in ("request", "pooled")}
        self.assertEqual(made["request"].replace('isolation = "request"', 'isolation = "pooled"'), made["pooled"])
        self.assertEqual(made["pooled"].count('isolation = "pooled"'), 1)


class Templates(unittest.TestCase):
    def test_refuse_a_value_that_they_have_no_place_for(self) -> None:
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("port @PORT@\n")
            file.flush()
            self.assertEqual(render(Path(file.name), {"PORT": 1}), "port 1\n")
            with self.assertRaises(ValueError):
                render(Path(file.name), {"PORT": 1, "HOST": 2})


class Scenarios(unittest.TestCase):
    def test_are_all_within_some_peers_reach(self) -> None:
        reachable = frozenset().union(*(peer.policies for peer in PEERS.values()))
        self.assertEqual({scenario.policy for scenario in SCENARIOS.values()} - reachable, set())
