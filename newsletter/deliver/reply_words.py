"""What the words of a mail that came back say where it is no failure: somebody is away, a machine asks whether we are a
person, a mail is late, somebody wants to leave. Data and how it is asked; pure.

A text is folded first (judgement_words.fold), so case and accents do not count.
"""

from __future__ import annotations

import re2

from newsletter.deliver.judgement_words import any_of, fold

_AWAY = r"""
out of (?:the )?office|on vacation|on holidays?\b|away from (?:my|the) (?:office|desk|e?-?mail)|\bvacation
|autoreply|\babsence|annual leave|(?:leave|maternity|parental|sick) (?:notice|leave)|leave of absence
|on leave\b|auto(?:matic|mated)?[ -]?(?:reply|response|responder|answer)|abwesen|nicht im büro|urlaub
|automatische antwort|eingangsbestätigung|réponse automatique|absence du bureau|absent du|en congé
|respuesta autom|fuera de (?:la )?oficina|resposta automática|ausência|fora do escritório
|risposta automatica|fuori sede|assente|afwezig|automatisch antwoord|autosvar|frånvaro|fravær
|automaattinen vastaus|poissa|autoodpowiedź|automatyczna odpowiedź|nieobecno|automatická odpověď|nepřítomn
|automatikus válasz|răspuns automat|автоответ|автоматический ответ|отпуск|отсутств|otomatik
|αυτόματη απάντηση|رد تلقائي|מענה אוטומטי|自動(?:応答|返信)|不在|自动(?:回复|答复)|自動回覆|休假|부재중
|자동 ?(?:회신|응답)|trả lời tự động
"""
_CHALLENGE = r"""
confirm (?:that )?(?:you (?:are|sent)|you're|your (?:message|e-?mail|mail|identity|address|delivery))
|verify (?:that )?(?:you|your (?:e-?mail|address|identity|message))|(?:sender|human) verification
|challenge[ -]?response|spam ?arrest|\bboxbe\b|\btmda\b|antispam uol|knowspam|bluebottle|choicemail
|mailblocks|(?:prove|show) (?:that )?you (?:are|'re) (?:a )?(?:human|person)|you are (?:a )?human
|not (?:a )?(?:robot|machine)|click (?:the|this|on the) link .{0,60}(?:deliver|release|approve)
|bestätigen sie,? dass|kein roboter|confirmez (?:que|votre)|confirme (?:que|su)|confirmar (?:su|seu)
|conferma (?:che|il tuo)|подтвердите|请确认您|確認のため
"""
_LATE = r"""
delayed|\bdelay\b|not yet been delivered|will (?:be )?retr(?:y|ied)|will keep trying|will continue
|still being|still trying|(?:you do not|no) need to re-?send|this is a warning|warning message only
|delivery warning|no action is required|verzöger|verspät|noch nicht zugestellt|weitere versuche|retardé
|pas encore|retrasad|todavía no|atrasad|ainda não|ritardo|ritardat|vertraagd|nog niet|försenad|forsinket
|opóźnion|zpožděn|задерж|еще не достав|gecik|延迟|延遲|延期|遅延|遅れて|지연
"""
_READ = r"""
(?:re: ?)?(?:read|not read|gelesen|ungelesen|lu|non lu|leído|no leído|lida|não lida|letto|non letto|gelezen|niet gelezen
|läst|oläst|lest|læst|luettu|przeczytano|přečteno|прочитано|прочтено|okundu|已读|未读|已讀|既読|開封済み|읽음)\s?[:：]
"""
_WISH = r"""
un-? ?su(?:b?s?|s?b?)cri?be?|no longer interested|not interested any ?more|don.?t want (?:this|these|any|your)
|unsubscribe|un-?subscribe me|unsubscription|opt(?:ing)?[ -]?out
|(?:please )?(?:remove|delete|take) (?:me|my (?:e-?mail|address|name))
|stop (?:sending|mailing|e-?mailing|these|this|all)|no more (?:mails?|e-?mails?|messages|newsletters?)
|cancel (?:my )?(?:subscription|newsletter)|(?:want|like|wish) to (?:leave|unsubscribe|cancel)
|leave (?:the|this) (?:list|newsletter)|take me off|\bsignoff\b|do not (?:send|mail|e-?mail) me
|don't (?:send|mail|e-?mail) me|abmeld|abbestell|austragen|kündig\S* (?:den|das|mein|newsletter|abo)
|keine (?:weiteren )?(?:mails?|e-?mails?|newsletter|nachrichten)|aus dem verteiler
|newsletter (?:kündigen|beenden)|désinscri|désabonn|me désinscrire|ne plus recevoir
|plus de (?:mails?|newsletters?)|(?:dar(?:me)? |darse )de baja|\bbaja\b
|cancelar (?:la |mi |minha |a )?(?:suscripción|subscripción|inscrição|assinatura)|desuscri
|anular (?:la )?suscripción|descadastr|desinscrev|remover (?:meu|o meu)
|não (?:quero|desejo) (?:mais )?receber|disiscri|cancellami|cancella(?:re)? (?:la mia )?iscrizione
|annulla(?:re)? (?:l')?iscrizione|rimuovimi|non (?:voglio|desidero) (?:più )?ricevere|uitschrijv|afmeld
|schrijf me uit|geen (?:mails?|nieuwsbrie\S+) meer|avregistrer|avprenumerer|avsluta prenumeration|avmeld
|frameld|peruuta tilau|poista minut|peru uutiskirje|wypisz|wypisać|rezygnuj|anuluj subskrypcj|zrezygnowa
|odhlásit|odhlaste|zrušit odběr|leiratkoz|dezabon|отпис|отпиш|отказаться от|удалите (?:меня|мой)
|не присылайте|відпис|abonelik(?:ten|i) (?:çık|iptal)|listeden çık|üyelikten çık|διαγραφή|απεγγραφή
|إلغاء الاشتراك|الغاء الاشتراك|הסר|להסיר|ביטול מנוי|退订|取消订阅|取消訂閱|退訂|不要再发|不再接收|配信停止
|購読(?:を)?(?:解除|停止|中止)|登録解除|メール不要|停止希望|구독 ?(?:취소|해지)|수신 ?거부|hủy đăng ký
"""
_MAY_BE_A_WISH = r"""
delete my (?:account|data|profile)|never (?:signed up|subscribed|asked for)|leave me alone|kündigung
"""
_BARE_WISH = r"""
stop|stop it|stop ?all|end|no more|leave|remove|quit|cancel|signoff|abo kündigen|baja|stopp|stoppen|arrêt|arrêter
|parar|стоп|退|停止
"""
_FILLER = r"""
please|pls|kindly|hi|hello|dear|team|thanks|thank you|thx|me|us|my|your|the|this|that|from|of|to|list
|mailing|newsletter|news|letter|e-?mails?|mails?|address|i|i'd|i'm|would|like|want|wish|now|immediately
|and|all|at once|bitte|danke|mich|vom|von|aus|dem|der|den|des|liste|verteiler|ich|möchte|hiermit|wieder
|sofort|svp|s'il vous plaît|merci|moi|je|de|la|le|les|votre|cette|souhaite|veux|por favor|gracias
|obrigad[oa]|quiero|quero|darme|su|sua|esta|per favore|grazie|vorrei|questa|alstublieft|graag|dank|tack
|snälla|mig|tak|venligst|vær så snill|meg|kiitos|proszę|dziękuję|mnie|z|prosím|kérem|vă rog|пожалуйста
|спасибо|меня|от|из|рассылки|рассылка|listy|listę|прошу|хочу|lütfen|beni|من فضلك|请|請|我|谢谢
|お願いします|お願い|をお|を|してください|ください|희망합니다|해주세요|합니다
"""


def _compile(pattern: str) -> re2._Regexp:
    return re2.compile(pattern)


_AWAY_WORDS = _compile(any_of(_AWAY))
_CHALLENGE_WORDS = _compile(any_of(_CHALLENGE))
_LATE_WORDS = _compile(any_of(_LATE))
_READ_WORDS = _compile(rf"^(?:{any_of(_READ)})")
_WISH_WORDS = _compile(any_of(_WISH, _MAY_BE_A_WISH))
_POLITE = rf"(?:{any_of(_FILLER)})[\s,.!:]*"
_ONLY_A_WISH = _compile(
    rf"^(?:{_POLITE})*(?:(?:{any_of(_WISH)})[^\s,.!:]*|{any_of(_BARE_WISH)})[\s,.!:]*"
    rf"(?:{_POLITE}|(?:{any_of(_WISH)})[\s,.!:]*)*$"
)
_LONGEST_WISH = 300


def says_away(text: str) -> bool:
    """Tell whether a subject is that of an automatic answer."""
    return _AWAY_WORDS.search(fold(text)) is not None


def asks_for_proof(text: str) -> bool:
    """Tell whether a machine asks whether we are a person, before it delivers our mail."""
    return _CHALLENGE_WORDS.search(fold(text)) is not None


def says_read(text: str) -> bool:
    """Tell whether a subject is that of a receipt: our mail was read."""
    return _READ_WORDS.search(fold(text)) is not None


def says_late(text: str) -> bool:
    """Tell whether a notice speaks of a delay, after which there are more attempts."""
    return _LATE_WORDS.search(fold(text)) is not None


def sounds_like_leaving(text: str) -> bool:
    """Tell whether a few words of somebody may be the wish to leave."""
    return len(text) <= _LONGEST_WISH and _WISH_WORDS.search(fold(text)) is not None


def is_wish_to_leave(text: str) -> bool:
    """Tell whether words are the wish to leave and nothing else, apart from politeness."""
    return len(text) <= _LONGEST_WISH and _ONLY_A_WISH.search(fold(text)) is not None
