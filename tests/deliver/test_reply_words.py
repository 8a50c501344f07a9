"""What letters to us want."""

from __future__ import annotations

import pytest

from newsletter.deliver.reply_words import asks_for_proof, is_wish_to_leave, says_away, sounds_like_leaving


@pytest.mark.parametrize(
    "text",
    [
        *(
            "STOP",
            "stop.",
            "unsubscribe",
            "Please unsubscribe me.",
            "Remove me from this list, please",
            "opt out",
        ),
        *(
            "I want to unsubscribe, thanks",
            "cancel my subscription",
            "leave",
            "Abmelden!",
            "Bitte abbestellen",
        ),
        *("unsuscribe", "un subscribe me", "END", "No longer interested, thanks", "stop it"),
        *("Désinscription", "je souhaite me désinscrire", "baja", "darme de baja", "cancelar inscrição"),
        *(
            "disiscrivimi",
            "uitschrijven",
            "Afmelden aub"[:8],
            "avregistrera",
            "Wypisz mnie z listy",
            "odhlásit",
        ),
        *(
            "Отпишите меня, пожалуйста",
            "退订",
            "取消订阅",
            "配信停止をお願いします",
            "구독 취소",
            "إلغاء الاشتراك",
        ),
    ],
)
def test_a_wish_to_leave_and_nothing_else(text: str) -> None:
    assert is_wish_to_leave(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "Fine, thanks!", "Quite", "Leaves of grass", "stop the presses, great paper", "Thank you"),
        *("How do I unsubscribe from one topic? I love the rest.", "Do not unsubscribe me, I love it"),
        *("Danke!", "Never stop this newsletter", "Stopping by woods"),
    ],
)
def test_what_only_sounds_like_one_ends_nothing(text: str) -> None:
    assert not is_wish_to_leave(text)


def test_what_sounds_like_one_is_told() -> None:
    assert sounds_like_leaving("How do I unsubscribe from one topic? I love the rest.")
    assert sounds_like_leaving("Why do I get this? I never signed up.")
    assert sounds_like_leaving("Please delete my account")
    assert not sounds_like_leaving("A fine paper")
    assert not sounds_like_leaving("unsubscribe " + "and so on " * 100), "a long letter has other subjects"


def test_absences_and_challenges_have_many_names() -> None:
    for subject in (
        "Leave of absence Re: Papers",
        "Abwesenheitsnotiz",
        "Réponse automatique",
        "自动回复",
        "Отпуск",
    ):
        assert says_away(subject)
    for text in ("Please confirm that you are a human", "challenge-response", "verify your e-mail"):
        assert asks_for_proof(text)
    assert not asks_for_proof("Thank you for the papers")
