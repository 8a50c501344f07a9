"""The words in which mail servers say why they do not take a mail, by cause. Data and how it is put together; pure.

Providers write in their own languages and never twice alike, so the words are kept as nouns (who is spoken of) and
predicates (what is said of them) and every pair is looked for, with a few words in between. A text is folded first:
small letters, no accents, and the names that we know replaced by who they are (``ouraddress``, ``theirdomain``, …), so
that "<kim@example.org>: unknown" and "recipient unknown" are the same sentence.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache

import re2


class Cause(StrEnum):
    """Why a mail was not taken: the question of ``judgement``, in the order in which words are asked."""

    UNWANTED = "the recipient does not want our mail"
    SENDER = "our sender address or its domain"
    AUTHENTICATION = "our mail is not authenticated"
    SLOW = "the recipient's side cannot take it now"
    ACCOUNT = "our account, login or quota at the relay"
    HOST = "our server's name, address or reputation"
    RATE = "we send too much at once"
    FULL = "the mailbox is full"
    SIZE = "the message is too large"
    CONTENT = "what the message says, or its form"
    DISABLED = "the mailbox takes no mail"
    GONE = "there is no such mailbox"
    NO_HOST = "there is no such domain"
    UNREACHABLE = "the recipient's server cannot be reached"
    POLICY = "a policy against us"
    UNKNOWN = "nothing that is known"


def fold(text: str) -> str:
    """Return a text as the table compares it: small letters, no accents, one space between words."""
    plain = unicodedata.normalize(
        "NFKD", text.casefold().replace("’", "'").replace("ı", "i").replace("ł", "l")
    )
    return " ".join("".join(sign for sign in plain if not unicodedata.combining(sign)).split())


# --- who is spoken of ---------------------------------------------------------------------

_RECIPIENTS = r"""
theiraddress|recipient|addressee|\busers?\b|username|mail ?box|\binbox|\baccounts?\b|\b(?:e-?)?mail id\b
|\balias|\baddress(?:es)?\b|e-?mail address|\bcustomer|\bmember\b|local[ -]?part|\brcpt\b|\bperson\b
|\bmaildrop|mail ?drop|posteingang|cutia|empfänger|adressat|benutzer|postfach|\badresse\b|e-?mail-?adresse|\bkonto\b
|teilnehmer|\bnutzer|destinataire|utilisateur|boîte|\bcompte\b|abonné|destinatari[oa]|usuari[oa]|buzón
|casilla|dirección|\bcuenta|usuário|utilizador|caixa|endereço|\bconta\b|utente|casella|cassetta|indirizzo
|ontvanger|geadresseerde|gebruiker|postvak|postbus|\badres\b|e-?mailadres|mottagare|användare|brevlåda
|adressen?\b|kontot?\b|modtager|\bbruger|postkasse|mottaker|\bbruker|postboks|vastaanottaja|käyttäjä
|postilaatik|sähköpostiosoi|osoit|\btili|odbiorc|adresat|użytkowni|skrzynk|\badresu?\b|\bkonta?\b|příjemc
|uživatel|schránk|adresa|\búčet|címzett|felhasználó|postafiók|e-?mail ?cím|\bfiók|destinatar|utilizator
|căsuț|\bcont\b|получател|адресат|пользовател|почтов\w* ящик|ящик|адрес|аккаунт|учетн\w* запис|абонент
|одержувач|отримувач|користувач|скриньк|alıcı|kullanıcı|posta kutusu|e-?posta adres|hesab|hesap|παραλήπτη
|χρήστη|γραμματοκιβ|διεύθυνση|λογαριασμ|المستلم|المستخدم|صندوق|العنوان|عنوان|الحساب|المرسل إليه|נמען|משתמש
|תיבת|תיבה|כתובת|收件人|收信人|收件者|收信者|收件箱|用户|用戶|使用者|邮箱|郵箱|信箱|帐号|账号|帳號|帐户
|账户|帳戶|邮件地址|郵件地址|电子邮件地址|地址|宛先|あて先|送信先|受信者|ユーザ|メールボックス|アドレス
|アカウント|수신자|수신인|받는 ?사람|사용자|사서함|메일함|편지함|메일 ?주소|계정|người nhận|người dùng
|hộp thư|địa chỉ|tài khoản
"""
_SENDERS = r"""
ouraddress|ourdomain|\bsenders?\b|from address|mail from\b|\breturn[ -]path|envelope[ -]from|originator
|from domain|sending (?:e-?mail )?(?:address|domain|user)|header from|reverse[ -]path|\bfrom: header
|sender's|absender|expéditeur|émetteur|remitente|emisor|remetente|mittente|afzender|verzender|avsändar
|afsender|avsender|lähettäjä|nadawc|odesílatel|odesilatel|feladó|expeditor|отправител|відправник|gönderen
|gönderici|αποστολ|المرسل|שולח|发件人|發件人|寄件人|寄件者|发送者|发送人|发信人|發信人|发件方|发件域
|送信者|送信元|差出人|発信者|発信元|발신자|발신인|보낸 ?사람|보내는 ?사람|송신자|발송자|người gửi
|your (?:e-?mail )?address\b|ihre (?:e-?mail-?)?adresse|votre adresse (?:e-?mail|mail|électronique)
|(?:tuo|suo|vostro) indirizzo|seu endereço|uw (?:e-?mail)?adres|din adress|twój adres e|ваш\w* адрес
|(?:您|你)的(?:邮箱|郵箱|地址|邮件地址)|あなたの|retorno|rücksendeadresse|rückadresse|adresse de retour
|indirizzo di ritorno|retouradres|returadress|adres zwrotny|обратн\w+ адрес|返信先|返回地址|寄信人
|who sends|who sent
"""
_HOSTS = r"""
client host|\bhelo\b|\behlo\b|your (?:ip|host|server|mail ?server|mta|network)|\bips?\b(?: address)?
|reverse[ -]?dns|\bptr\b|\brdns\b|hostname|host ?name|sending (?:server|host|mta|ip|system)
|connecting (?:host|ip|server)|ihre? (?:ip|server|mailserver|host)|ip-adresse|clienthost|adresse ip
|votre (?:ip|serveur)|dirección ip|(?:su|tu) (?:ip|servidor)|endereço ip|seu (?:ip|servidor)|indirizzo ip
|(?:tuo|suo|vostro) (?:ip|server)|ip-adres|ip-adress|adres\w* ip|ip-osoi|ip ?-?адрес
|ваш\w* (?:ip|сервер|хост)|ip adres|발신 ?ip|ip ?주소|ip地址|ip位址|(?:您|你)的(?:ip|服务器|伺服器|主机)
|发信ip|发件服务器|来源ip|ipアドレス|接続元|送信元(?:ip|サーバ|ホスト)|địa chỉ ip|عنوان ip|mail ?server
|reverse resolution|dns inverse?o?|inverse dns|反向解析|逆引き|rückwärtsauflösung
|обратн\w+ (?:dns|запис|зон)|your connection|greeting name
"""
_LACKING = r"""
no valid|has no|have no|does(?: not|n't) have|missing|without|lacks|not (?:a )?(?:fully qualified|fqdn)
|need fully|not fully|bogus|\bgeneric|\bdynamic|kein|ohne|fehl(?:t|en)|n'a pas|pas de|aucun|sans |no tiene
|\bsin\b|\bfalta|não (?:tem|possui)|\bsem\b|non ha|\bmanca|\bsenza|privo|\bgeen\b|ontbreekt|saknar|mangler
|puuttuu|nie ma|\bbrak|chybí|\bnemá|hiányzik|lipse|\bнет|отсутств|не имеет|немає|\byok\b|λείπει|没有|沒有
|缺少|無法|无法|未设置|ありません|未設定|없
"""
_DOMAINS = r"""
theirdomain|\bdomains?\b(?: name)?|\bhosts?\b(?: ?name)?|\bmx\b(?: record| host)?|mail exchanger
|destination server|server name|domäne|\bdomaine\b|\bdominio\b|domínio|\bdomein\b|domän|domæne|\bdomene\b
|verkkotunnus|domen|domén|tartomány|домен|alan adı|域名|ドメイン|도메인|tên miền|النطاق
"""

# --- what is said of them -----------------------------------------------------------------

_UNKNOWN = r"""
\bunknown|not known|not found|(?:does|did|do)(?: not|n't) (?:currently )?exist|not exist\b
|no longer (?:exist|valid|in use|here|on)|\binvalid|not valid|non-?existent|not recogni[sz]ed
|unrecogni[sz]ed|not registered|not listed|\bno such\b|no longer with|has left the|has moved
|(?:is|was|been|account) (?:closed|deleted|terminated|discontinued|cancell?ed)|could(?:n't| not) be found
|wasn't found|undefined|not a (?:valid|known|local|registered)|\bundeliverable|unbekannt|nicht bekannt
|existier\w* nicht|nicht (?:gefunden|vorhanden|registriert)|gibt es nicht|ungültig|nicht mehr gültig
|gelöscht|nicht existent|nicht existier|konnte nicht gefunden|inconnue?s?\b|n'existe (?:pas|plus)
|introuvable|inexistant|invalide|non trouvée?|n'est pas valide|n'a pas été trouvé|n'est plus valide
|desconocid[oa]|no existe|inexistente|no (?:fue |ha sido )?encontrad[oa]
|no se (?:encontró|ha encontrado|encuentra)|inválid[oa]|no (?:es )?válid[oa]|desconhecid[oa]
|não (?:existe|foi encontrad|encontrad)|não é válid|não foi localizad|sconosciut[oa]
|non (?:esiste|è stat[oa] trovat|trovat|valid|è valid)|inesistent|onbekend|bestaat niet|niet gevonden
|ongeldig|niet bekend|okänd|finns (?:inte|ej)|existerar inte|hittades inte|kunde inte hittas|ogiltig
|ukendt|findes ikke|eksisterer ikke|ugyldig|ukjent|finnes ikke|ble ikke funnet|blev ikke fundet|tuntematon
|ei löydy|ei ole olemassa|ei löytynyt|virheellinen|niezna|nie istnieje|nie znaleziono|nieprawidłow
|nie został\w* odnalezion|neznám|neexistuje|nenalezen|neplatn|nebyl\w* nalezen|ismeretlen|nem létez
|nem található|érvénytelen|necunoscut|nu există|nu a fost găsit|неизвест|не существу|не найден
|не зарегистрирован|недействител|отсутству|нет так|не обнаружен|невідом|не існує|не знайден|bilinmiyor
|bilinmeyen|bulunamad|mevcut değil|geçersiz|bulunmuyor|bulunmamaktad|άγνωστ|δεν υπάρχει|δεν βρέθηκε
|غير معروف|غير موجود|لا يوجد|غير صالح|לא קיי|לא ידוע|לא נמצא|אינו קיים|אינה קיימת|不存在|未知|无效|無效
|找不到|未找到|查无此|沒有找到|没有找到|不正确|没有此|無此|不合法|存在しま|存在しない|存在せ|不明
|見つかりま|見つからな|ありません|無効|ございません|登録されて|존재하지|알 ?수 ?없|찾을 ?수 ?없|없는
|없습니다|유효하지|올바르지|không tồn tại|không tìm thấy|không hợp lệ|existier\w* [^.;!?]{0,30}?\bnicht\b
|(?:does|did|do)(?: not|n't) (?:\w+ ){1,3}exist|nie ma tak|nie został\w* znalezion|no hay (?:ningún|tal)
|n'est (?:pas|plus) connue?|nicht (?:mehr )?(?:existent|aktuell)|není známa?|не знайдено|не значится
|non risulta|no figura|não consta|no reconocid|non riconosciut|não reconhecid|non reconnu|nicht erkannt
|niet (?:herkend|gevonden)|tanınmıyor|δεν είναι έγκυρ|tidak (?:ditemukan|dikenal|ada)|tak wujud
|(?:was|is|been|were) (?:removed|erased|retired|dropped|purged)|entfernt|supprimée?|eliminad|removid
|rimoss|verwijderd|borttag|usunięt|удален
"""
_REFUSED = r"""
must exist|null ?mx|\brejected|\breject\b|\brefused|\bdenied
|not (?:allowed|permitted|authori[sz]ed|accepted|acceptable|trusted)|\bblocked|\bbanned|\bblock\b
|verif(?:y|ication)|call-?out|(?:does(?: not|n't)|cannot|not|un) ?resolv|no (?:mx|a record|dns|ptr)
|prohibited|suspended|lookup failed|\bforged|\bspoof|failed|mismatch|unauthori[sz]ed|restricted|\bdisabled
|abgelehnt|abgewiesen|verweigert|zurückgewiesen|gesperrt|blockiert
|nicht (?:erlaubt|zulässig|verifiziert|autorisiert|berechtigt)|überprüfung|nicht überprüft|nicht auflös
|refusée?|rejetée?|bloquée?|non autorisée?|interdit|n'est pas autorisé|vérification|rechazad|denegad
|bloquead|no (?:está )?(?:permitid|autorizad)|verificación|rejeitad|recusad
|não (?:está )?(?:permitid|autorizad)|negad|verificação|rifiutat|respint|bloccat
|non (?:è )?(?:autorizzat|consentit|permess)|verifica|geweigerd|afgewezen|geblokkeerd
|niet (?:toegestaan|geautoriseerd|geverifieerd)|avvisa|nekad|blockera|inte (?:tillåt|behörig)|afvist
|nægtet|blokeret|ikke (?:tilladt|tillatt|godkendt)|avvist|nektet|blokkert|hylätty|estetty
|ei (?:ole )?sallit|odrzucon|zablokowan|nie (?:jest )?(?:dozwolon|autoryzowan|upoważnion|zweryfikowan)
|odmow|weryfikacj|odmítnut|zamítnut|blokován|není (?:povolen|autorizov)|elutasít|letilt|nem engedélyez
|respins|blocat|refuzat|nu este autorizat|отклон|отвергн|заблокирован|запрещ|отказ
|не (?:разреш|авториз|прош\w+ проверк|подтвержд)|недопустим|проверк|відхилен|заблокован|заборонен|reddedil
|engellen|izin veril|yetki|απορρίφθηκε|αποκλε|مرفوض|رفض|محظور|حظر|غير مسموح|غير مصرح|נדחה|נחסם|חסום|拒绝
|拒絕|被拒|拒收|禁止|屏蔽|封禁|封锁|封鎖|不允许|不允許|未授权|未授權|未验证|验证失败|驗證失敗|未通过
|校验失败|被封|阻止|拒否|拒絶|ブロック|許可されて|認証|検証|制限|거부|거절|차단|허용되지|금지|인증|검증
|từ chối|bị chặn|(?:could(?: not|n't)|can(?:not|'t)) be (?:resolved|verified|validated|found)
|(?:does(?: not|n't)|do not) (?:match|resolve)
"""
_FULL = r"""
\bfull\b|over ?-?(?:its |their )?quota|over (?:the |its )?(?:storage|allocated|limit)
|out of (?:storage|space)
|exceed\w* (?:its |the |their |his |mailbox |storage |allowed |disk )*(?:quota|storage|limit|size|space
|allocation)
|quota (?:has been |is |was )?(?:exceed|full|reach|violat)
|(?:not enough|insufficient|no) (?:disk |storage |free |more )*space
|insufficient (?:system |disk )?storage|storage (?:limit|quota|is full)|too full|\bvoll\b|überfüllt
|überlauf|kontingent|speicherplatz|speicherlimit|speichergrenze|\bpleine?\b|saturée?
|quota (?:dépassé|atteint)|dépass\w+ (?:son |le )?quota|espace insuffisant|\blle[nñ][oa]\b|cuota
|sin espacio|espacio (?:insuficiente|agotado)|almacenamiento|\bchei[oa]\b|lotad[oa]|cota\b|sem espaço
|espaço (?:insuficiente|esgotado)|armazenamento|quota excedida|\bpien[oa]\b|quota superata
|spazio (?:esaurito|insufficiente)|superat\w+ (?:la |il )?(?:quota|limite)|\bvol\b|overschreden|\bfull\b
|\bfullt\b|utrymme|kvot|\bfuld\b|\bfyldt\b|kvote|täynnä|kiintiö|pełn|przepełnion|brak miejsca|przekroczon
|zapełnion|\bplná\b|přeplněn|překročen|megtelt|tele van|betelt|\bplin[ăa]?\b|переполнен|заполнен|\w*полон
|превыш\w+ (?:квот|лимит|допустим|размер)|квот|нет места|недостаточно места|переповнен|\bdolu\b|kota|doldu
|γεμάτ|πλήρ|ممتلئ|تجاوز الحصة|الحصة|\bמלא|מכסה|מכסת|已满|已滿|满了|滿了|爆满|空间不足|空間不足|容量不足
|超出容量|超过容量|超过配额|超出配额|超過配額|配额|容量已|空间已|超容|いっぱい|一杯|満杯
|容量(?:超過|不足|を超|制限|オーバ)|空き容量|オーバー|あふれ|溢れ|가득|용량|꽉 ?찼|꽉 ?차|\bđầy\b
"""
_LATER = r"""
try (?:it |again )?later|try again (?:in|at|after|later|soon)|\btry again$|not found,? try again|temporar
|gr[ae]y-?list|retry later|\bbusy\b|overload|try your message later|at this time|deferred|come back later
|not ready|under maintenance|\bmaintenance\b|being moved|is moving|being migrated|später|vorübergehend
|zeitweilig|temporär|momentan|zurzeit|derzeit|réessay|plus tard|temporair|ultérieurement|momentané
|más tarde|temporal|intent\w* (?:de nuevo|nuevamente)|mais tarde|temporári|tente novamente|temporari
|più tardi|temporane|riprov|momentanea|later opnieuw|tijdelijk|försök igen|tillfällig|senare|prøv igen
|prøv igjen|midlertidig|yritä|tilapäi|väliaikai|myöhemmin|spróbuj|później|tymczasow|chwilow|dočasn|později
|ideiglenes|átmeneti|később|mai târziu|попробуйте|повторите|позже|временн|тимчасов|пізніше|geçici
|daha sonra|tekrar dene|προσωριν|αργότερα|مؤقت|لاحقا|זמני|מאוחר יותר|稍后|稍後|重试|重試|暂时|暫時|临时
|暂不|しばらく|一時的|後ほど|のちほど|잠시|일시|나중에|다시 ?시도|tạm thời|thử lại
"""
_TOO_MUCH = r"""
\brate\b|too (?:quickly|fast|many|much)|frequen|throttl|\blimit|exceed|concurren|flood|häufig
|zu (?:viele|schnell)|überschritten|trop (?:de|rapide|souvent|nombreu)|limite|dépass|demasiad|excedid
|superad|excesso|excedeu|muit[oa]s|superat|tropp|te (?:veel|snel)|overschreden|för (?:många|snabbt)
|for (?:mange|hurtigt|raskt)|liian|zbyt (?:wiele|szybko|dużo|często)|przekroczon|příliš|túl (?:sok|gyors)
|слишком (?:много|часто|быстро)|превыш|лимит|частот|çok (?:fazla|hızlı|sık)|aşıl|limit|频率|頻率|过于频繁
|频繁|过多|過多|过快|超过|超出|限制|超限|太多|頻度|多すぎ|制限|超過|超え|過剰|초과|너무 ?(?:많|자주|빠)
|제한|빈도|quá nhiều
"""
_SENDING = r"""
(?:sending|send|sent|sender|daily|hourly|monthly|outgoing|outbound|message|messages|e-?mails?|mails?|recipients?
|relay|submission)\b(?: \w+)?(?: \w+)? (?:limit|quota|allowance|threshold|credits?)\w*
|(?:limit|quota|number|maximum)\w* (?:of|for|on) (?:\w+ )?(?:messages|e-?mails|mails|recipients|sending|outgoing
|outbound|sent|the sender)
|(?:messages|e-?mails|mails|recipients) (?:per|an|a|each) (?:hour|day|minute|month)
|(?:sende|versand|tages)-?(?:limit|kontingent|quota)|versandlimit
|limite (?:d'envoi|quotidienne|journalière)|quota d'envoi|límite (?:de envío|diario|de envíos)
|cuota de envío|limite (?:de envio|diário)|cota de envio|limite (?:di invio|giornaliero|di spedizione)
|verzendlimiet|daglimiet|sändningsgräns|limit (?:wysyłania|wysyłki|dzienny)
|лимит\w* (?:отправ|исход|рассыл)|(?:суточн|дневн)\w+ лимит|gönderim (?:limit|kota)
|günlük (?:gönderim )?(?:limit|sınır)|发送(?:量|配额|限额|频率|数量|上限)|發送(?:量|配額|上限)
|发信(?:量|数量|配额)|每日发送|日发送|送信(?:数|量|上限|制限|件数|クォータ)|발송 ?(?:한도|제한|량)
|일일 ?(?:발송|전송)|전송 ?한도|(?:number|amount) of (?:allowed |your )?(?:outgoing|sent)
|(?:daily|hourly|monthly|weekly|sending) (?:\w+ )?(?:allowance|limit|quota|volume|cap|maximum)
|(?:versand|sende)\w*(?:limit|kontingent|quota|menge)
|(?:anzahl|zahl) (?:an |von |der )?(?:gesendete\w* )?(?:nachrichten|mails|e-mails)
|(?:nachrichten|mails) (?:pro|je) (?:tag|stunde)
|nombre (?:maximal |maximum )?(?:de |d')(?:messages|courriels|envois)
|(?:messages|courriels) par (?:jour|heure)
|número (?:máximo )?de (?:mensajes|correos|mensagens|envíos|envios)
|(?:mensajes|correos|mensagens) por (?:día|dia|hora)|numero (?:massimo )?di (?:messaggi|invii)
|messaggi al (?:giorno|l'ora)|aantal (?:berichten|e-mails|mails)|berichten per (?:dag|uur)
|antal(?:et)? (?:meddelanden|meddelelser|mails)|liczb\w+ wiadomości
|количеств\w+ (?:писем|сообщений|отправ)|(?:писем|сообщений) в (?:день|час|сутки)|(?:ileti|e-posta) sayısı
"""
_SPAM = r"""
\bspam|dt:spm|\bjunk|unsolicited|bulk ?mail|\bvirus|malware|infected|phish|suspicious|\bcontent|attachment
|suspected|\burl\b|\blinks? in|unwanted mail|\bscam\b|\bbayes|spamassassin|dspam
|message (?:looks|is considered)|prohibited file|schadsoftware|schadcode|inhalt|anhang|anhänge|unerwünscht
|contenu|indésirable|pourriel|pièce jointe|contenido|no deseado|adjunto|conteúdo|lixo eletr|indesejad
|anexo|contenuto|indesiderat|allegat|inhoud|ongewenst|bijlage|innehåll|skräppost|bilaga|indhold|innhold
|vedhæft|vedlegg|roskaposti|sisältö|liite|treść|treści|niechcian|niepożądan|załącznik|obsah|nevyžádan
|příloh|tartalom|kéretlen|mellékl|conținut|nesolicitat|содержи|спам|нежелательн|вложени|вирус|зміст
|небажан|içerik|istenmeyen|virüs|zararlı|ek dosya|περιεχόμεν|ανεπιθύμητ|محتوى|مزعج|فيروس|תוכן|זבל|וירוס
|内容|內容|垃圾|病毒|附件|敏感|反垃圾|コンテンツ|迷惑メール|スパム|ウイルス|ウィルス|添付|내용|스팸
|바이러스|첨부|광고성|nội dung|thư rác
|contains? (?:an? |the )?(?:\w+ )?(?:links?|urls?|files?|words?|phrases?|script|macro)\b
|(?:forbidden|prohibited|banned|dangerous) (?:content|attachment|word|link|file|extension|type)
|niedozwolon\w+ plik|verboten\w* (?:datei|anhang)|wirus|executable
|files? (?:is|are) not (?:accepted|allowed)|\b(?:zip|exe) (?:file|attachment)|\bmalicious|szkodliw
|вредонос|schädlich|malveillant|malicios|maligno|dannos|skadlig|恶意|悪意|악성
"""
_LARGE = r"""
too (?:large|big)|(?:message|mail|maximum|max|attachment) ?(?:file )?(?:size|length)
|size (?:limit|exceed|of the message)|exceeds? (?:the )?(?:maximum|max|fixed|size)|larger than|too long
|nachricht\w*größe|mail\w*größe|zu (?:groß|lang)|maximale? größe|größen(?:limit|beschränkung)
|trop (?:volumineu|grand|gros|long)|taille|demasiado (?:grande|larg)|tamaño|muito grande|tamanho
|troppo (?:grand|lung)|dimension|te groot|grootte|för (?:stor|lång)|storlek|for stor|størrelse
|liian (?:suuri|iso)|koko\b|zbyt (?:duż|dług)|rozmiar|příliš velk|velikost|túl nagy|méret|prea mare
|dimensiun|слишком (?:больш|велик)|размер|розмір|çok büyük|boyut|πολύ μεγάλ|μέγεθος|حجم|גדול מדי|גודל|过大
|過大|太大|大小|尺寸|过长|大きすぎ|サイズ|크기|너무 ?(?:큽|커|큰)|quá lớn|kích thước
|exceeds? (?:the )?(?:allowed|permitted|maximum|max) (?:length|size)|too lengthy|length exceed
"""
_MESSAGES = r"""
\bmessage|\bmail\b|e-?mail|\bletter|nachricht|\bcourriel|courrier|mensaje|correo|mensagem|messaggio
|\bposta\b|bericht|meddeland|meddelelse|melding|viesti|wiadomo|zpráv|üzenet|mesaj|сообщени|письм|лист
|повідомлен|ileti|μήνυμα|رسالة|הודעה|邮件|郵件|信件|メール|メッセージ|メイル|메일|메시지|thư
"""
_WISHES = r"""
recipient preferences
|(?:blocked|rejected|refused|filtered|denied|excluded) by (?:the |this |their |its |user )?(?:recipient|user
|addressee|owner|mailbox owner)
|recipient(?:'s)? (?:has |have |user )(?:blocked|reject\w*|refuse\w*|declin\w*|opted|unsubscribed)
|recipient (?:blocks|rejects|refuses|declines)|user (?:has )?(?:blocked|refused|rejected|opted out)
|(?:recipient|user|addressee|owner|theiraddress) (?:does(?: not|n't)|do(?: not|n't)|no longer) (?:want|accept
|wish|allow)
|(?:not|n't) (?:accept|want|receive) (?:any )?(?:mail|e-?mail|messages?) from (?:you|this sender|your|ouraddress
|the sender)
|(?:on|in|by) the (?:recipient|user)'?s? (?:block|black|deny|reject)
|only accepts? (?:mail|e-?mail|messages?) from
|not (?:on|in) (?:the |my |their |his )?(?:recipient'?s? )?(?:white|allow|safe)[ -]?list
|resolver\.rst\.(?:notauthorized|authrequired|senderauth)
|not (?:authori[sz]ed|allowed|permitted) to send (?:\w+ )?(?:to|mail to|messages to) (?:the |this )?(?:recipient
|group|list|mailbox|theiraddress)
|accept\w* mail only from|restricted (?:recipient|mailbox|group)
|sender (?:is )?(?:blocked|rejected) by (?:the )?recipient|you (?:have been|are) blocked by
|vom empfänger (?:abgelehnt|blockiert|gesperrt|verweigert|nicht)
|empfänger (?:hat|lehnt|möchte|wünscht|nimmt|akzeptiert|verweigert)
|(?:bloqué|refusé|rejeté)e? par (?:le |son )?(?:destinataire|utilisateur)
|destinataire (?:a bloqué|refuse|ne souhaite|n'accepte|a refusé)
|(?:bloquead|rechazad)[oa] por el (?:destinatario|usuario)
|destinatario (?:ha bloqueado|ha rechazado|rechaza|no desea|no acepta|bloqueó)
|(?:bloquead|rejeitad|recusad)[oa] pelo (?:destinatário|usuário)
|destinatário (?:bloqueou|recusou|recusa|não deseja|não aceita|rejeitou)
|(?:bloccat|rifiutat|respint)[oa] dal destinatario
|destinatario (?:ha bloccato|ha rifiutato|rifiuta|non desidera|non accetta)
|(?:geblokkeerd|geweigerd) door de (?:ontvanger|gebruiker)|ontvanger (?:heeft|weigert|wil|accepteert)
|(?:blockera\w*|avvisa\w*) av mottagaren|mottagaren (?:har|vill|tar)
|odbiorca (?:zablokował|odrzucił|nie (?:chce|życzy|akceptuje))|(?:zablokowan|odrzucon)\w* przez odbiorcę
|получател\w* (?:заблокировал|отказал|не (?:желает|хочет|принимает)|внес|добавил)
|(?:заблокирован|отклонен)\w* получател|в черн\w+ списке (?:у )?получател
|alıcı (?:tarafından|engelle|reddet|istemiyor)|收件人(?:已)?(?:拒收|拒绝|屏蔽|设置|设定|将)|被收件人
|(?:被|遭)?(?:对方|用户|收件人)(?:拒收|拒绝接收|屏蔽|拉黑|加入黑名单)|收件人.{0,8}黑名单|受信拒否
|受信者(?:が|によ|に).{0,10}(?:拒否|ブロック|希望)|受信者の(?:設定|ブロック)|수신 ?거부
|수신자(?:가|에 ?의해).{0,10}(?:거부|차단)|contacts only|only (?:its|their|his|her|known) contacts
|from (?:its|their|his|her) contacts|set to (?:accept|receive) mail
"""
_AUTHENTICATION = r"""
\bspf\b|\bdkim\b|\bdmarc\b|\barc\b (?:seal|chain|fail)|sender ?id\b|unauthenticated|not authenticated by
|fail\w* authentication (?:check|require)|authentication (?:checks?|results?|requirements?)|does not pass
|sender policy framework|domainkeys|no passing|does not meet the required authentication
|starttls (?:is )?(?:required|first)|must issue a starttls|requires? (?:tls|encryption)
|encryption (?:is )?required
"""
_LISTS = r"""
black ?-?list|block ?-?list|deny ?-?list|\brbls?\b|dns-?bl\b|spamhaus|spamcop|\bsorbs\b|barracuda
|uceprotect|cloudmark|proofpoint|senderscore|reputation|blocklisthost|\bpbl\b|\bsbl\b|\bxbl\b|invaluement
|abuseix|mailspike|trendmicro|\bdul\b|dynamic (?:ip|address|host)|generic (?:ptr|hostname|rdns|reverse)
|botnet|banned sending ip|banned ip|sperrliste|schwarz\w* liste|ruf der ip|liste noire|réputation
|lista (?:negra|de bloqueo)|reputación|reputação|lista (?:nera|negra)|reputazione|zwarte lijst|reputatie
|svartlist|svarteliste|sortliste|rykte|musta\w* lista|czarn\w+ liś?ści|czarn\w+ list|reputacj|černé listin
|feketelist|черн\w+ спис|репутаци|стоп-лист|kara liste|itibar|黑名单|黑名單|信誉|信譽|ブラックリスト
|レピュテーション|블랙 ?리스트|평판|danh sách đen|القائمة السوداء|قائمة الحظر|רשימה שחורה|\bhelo\b
|\behlo\b
"""
_LOGIN = r"""
relay(?:ing)? (?:access )?(?:is )?(?:denied|not|prohibited|disabled|refused)
|(?:unable|not (?:allowed|permitted|authori[sz]ed)|unauthori[sz]ed|denied) to relay
|(?:do|does|will) not relay|no relay|we don't relay|relay access|cannot relay|relaying
|authentication (?:is )?(?:required|needed|failed|credentials)|must (?:be )?(?:authenticat|log ?in)
|requires? authentication|(?:need|have) to authenticat|please (?:log ?in|authenticat)|smtp auth
|not (?:authenticated|logged in)|log ?in (?:first|required|disabled)|credentials|sendasdenied
|send ?as denied|not allowed to send as|not owned by user|tenantattribution|tenant (?:has )?exceed
|(?:your|sender'?s?|sending) (?:account|plan|subscription|credit|balance|trial|mailbox|domain|organization
|server)\w*(?: \w+)? (?:is |has |has been |was |been )*(?:suspend|block|disab|lock|limit|exceed|not (?:allowed
|permitted|verified|authori[sz]ed|active|enabled)|expire|paused|restricted|under review|compromised)
|account (?:is )?(?:not (?:allowed|permitted|authori[sz]ed|enabled|verified) to send|sending)
|sending (?:is |has been )?(?:paused|disabled|suspended|blocked|not enabled)
|(?:no|out of|insufficient|not enough) (?:\w+ )?credits?|credits? (?:are )?(?:exceeded|exhausted|used)
|not verified|unverified|sandbox|service not enabled|is not (?:a )?verified
|verify (?:your|the) (?:domain|sender|account)|bad outbound sender|account (?:is )?compromised|unpaid
|payment|upgrade your|anmeldung erforderlich|authentifizierung (?:erforderlich|notwendig|fehl)
|nicht (?:angemeldet|authentifiziert)|relay\w* nicht (?:erlaubt|gestattet|zulässig)
|ihr (?:konto|account|tarif)|weiterleitung (?:nicht|verweigert)|authentification (?:requise|nécessaire)
|votre compte|relais (?:refusé|interdit|non autorisé)|autenticación (?:requerida|necesaria)
|(?:su|tu) cuenta|reenvío (?:denegado|no permitido)|autenticação (?:necessária|requerida|obrigatória)
|sua conta|autenticazione (?:richiesta|necessaria|obbligatoria)|il (?:tuo|suo|vostro) account|relay non
|authenticatie (?:vereist|nodig)|uw account|autentisering krävs|ditt konto|godkendelse påkrævet
|wymagan\w+ (?:jest )?(?:uwierzytelni|autoryzacj|logowani)|twoje konto
|требуется (?:аутентификаци|авторизаци)|необходима (?:аутентификаци|авторизаци)
|(?:ваш\w*|вашего) (?:аккаунт|учетн)|пересылка запрещен|ретрансляц|kimlik doğrulama|hesabınız
|需要(?:认证|登录|验证|身份验证)|请先(?:登录|认证)|未(?:认证|登录)|(?:您|你)的(?:账号|帐号|账户|帐户)
|不允许中继|拒绝中继|中继|認証が必要|認証してください|中継|リレー|인증이 ?필요|로그인|릴레이
|account (?:that )?you (?:send|are sending|use to send)|logging in|log in (?:to|before)
|(?:sender|sending) account|do not own|is not yours|authenticat(?:ion|ed|ing) (?:user|account)
|(?:smtp )?login (?:name )?(?:unknown|not found|failed|invalid|incorrect)|unknown (?:smtp )?login
|not entitled|no (?:permission|rights?) to (?:send|submit|relay)
|(?:not|n't) have (?:the )?(?:permission|right)s?|permission to (?:send|submit)|keine berechtigung
|pas le droit|no tiene permiso|não tem permissão|non ha (?:i |il )?permess|geen toestemming|brak uprawnień
|нет прав|没有权限|無權|権限がありません|권한이 ?없
"""
_FAST = r"""
too many (?:connections|messages|e-?mails|mails|recipients|concurrent|sessions|invalid|errors|attempts)
|rate[ -]?limit|throttl|sending (?:too|mail too)|frequency limit|concurrent connection
|limit(?:ed)? (?:of|on) (?:connections|concurrent)|connections? (?:limit|rate|frequency)
|traffic (?:not accepted|volume)|mail flood|volume of (?:mail|e-?mail)|unusual rate
|zu viele (?:\w+ )?(?:nachrichten|mails|e-mails|verbindungen|empfänger)
|trop de (?:messages|connexions|courriels|mails|destinataires)
|demasiad[oa]s (?:mensajes|conexiones|correos|destinatarios)
|(?:muit|demasiad)[oa]s (?:mensagens|conexões|e-mails)
|tropp[ie] (?:messaggi|e-mail|connessioni|destinatari)|te veel (?:berichten|verbindingen|e-mails)
|för många (?:meddelanden|anslutningar)|for mange (?:meddelelser|meldinger|forbindelser|tilkoblinger)
|liian monta|zbyt (?:wiele|dużo) (?:wiadomości|połączeń)|příliš mnoho|túl sok|слишком (?:много|часто)
|çok fazla (?:ileti|bağlantı|e-posta)|过于频繁|過於頻繁|频率(?:过|太|受限)
|(?:连接|发送|邮件)(?:数)?(?:过多|太多|频繁)|多すぎ(?:る|ます)|接続数|頻度|너무 ?많은|너무 ?자주
"""
_DOWN = r"""
timed? ?-?out|time-?out|connection (?:was |has been )?(?:refused|reset|lost|dropped|closed)
|lost connection|could(?: not|n't) connect|unable to connect|cannot connect|no route to host
|network (?:is )?unreachable|not (?:responding|answer)|no (?:answer|response)|did not (?:accept|respond)
|not reachable|unreachable|\bis down\b|retry time|message expired|delivery time|delivery expired|expired
|unable to deliver in|dns (?:error|lookup|query|failure|server)|name ?server|servfail
|could not be resolved|unable to (?:route|resolve)|cannot (?:route|resolve)|mail ?loop|loops? back
|routing loop|hop count|too many hops|undeliverable for|zeitüberschreitung|nicht erreichbar
|verbindung (?:abgelehnt|verweigert|fehlgeschlagen)|keine verbindung|délai (?:dépassé|d'attente|expiré)
|injoignable|connexion (?:refusée|impossible|interrompue)|expiré|tiempo de espera
|conexión (?:rechazada|perdida)|inalcanzable|no se pudo (?:conectar|establecer)|tempo (?:limite|esgotado)
|conexão (?:recusada|perdida)|não foi possível conectar|scadut|connessione (?:rifiutata|interrotta)
|irraggiungibile|verbinding (?:geweigerd|verbroken)|onbereikbaar|verlopen|tidsgräns|gick ut
|przekroczono (?:limit )?czas|nie odpowiada|превышено (?:время|ожидание)|тайм-?аут|время ожидания|недоступ
|не отвечает|соединени|zaman aşımı|bağlantı|超时|超時|连接失败|无法连接|连接被拒|タイムアウト
|接続(?:でき|に失敗|が拒否)|応答が(?:ない|あり)|시간 ?초과|연결할 ?수|연결 ?실패
"""
_CLOSED = r"""
(?:mail ?box|account|user|address|recipient|theiraddress)\S* (?:\w+ ){0,4}?(?:disabled|inactive|suspended
|deactivated|locked|frozen|blocked|not active|not enabled|on hold|dormant|expired|unavailable|unable to receive
|cannot receive|not accepting)
|(?:disabled|inactive|suspended|deactivated|locked|dormant|expired) (?:mail ?box|account|user|recipient)
|mail ?box unavailable|is disabled\b|is inactive\b|has been (?:disabled|suspended|deactivated)
|(?:recipient )?address rejected|(?:recipient|user) (?:rejected|refused)|unrouteable|unroutable
|(?:postfach|konto|empfänger|benutzer|adresse|mailbox)\S* (?:\S+ ){0,3}?(?:gesperrt|deaktiviert|inaktiv
|nicht aktiv|geschlossen|abgelehnt|nicht verfügbar)
|(?:compte|boîte|destinataire|adresse|utilisateur)\S* (?:\S+ ){0,5}?(?:désactivée?|suspendue?|inacti\w+|bloquée?
|fermée?|indisponible|rejetée?|refusée?)
|(?:cuenta|buzón|usuario|dirección|destinatario)\S* (?:\S+ ){0,4}?(?:desactivad|deshabilitad|suspendid|inactiv
|bloquead|cerrad|rechazad|no disponible)
|(?:conta|caixa|usuário|endereço|destinatário)\S* (?:\S+ ){0,4}?(?:desativad|desabilitad|suspens|inativ|bloquead
|encerrad|rejeitad|indisponível)
|(?:casella|account|utente|indirizzo|destinatario)\S* (?:\S+ ){0,4}?(?:disattivat|disabilitat|sospes|inattiv
|bloccat|chius|rifiutat|non disponibile)
|(?:postvak|account|gebruiker|adres|mailbox|ontvanger)\S* (?:\S+ ){0,3}?(?:uitgeschakeld|gedeactiveerd
|geblokkeerd|opgeheven|inactief|geweigerd|niet actief)
|(?:konto\w*|brevlåda\w*|mottagar\w*|postkasse\w*|modtager\w*|bruger\w*|bruker\w*) (?:\S+ ){0,3}?(?:inaktiv\w*
|avstäng\w*|spärra\w*|stäng\w*|deaktiver\w*|lukket|stengt|sperret|suspender\w*|avvisa\w*|afvist)
|(?:konto|skrzynka|użytkownik|adres)\S* (?:\S+ ){0,3}?(?:zablokowan|nieaktywn|zawieszon|wyłączon|zamknięt
|odrzucon)
|(?:ящик|аккаунт|пользовател\w*|учетная запись|адрес\w*|получател\w*) (?:\S+ ){0,3}?(?:заблокирован|отключен
|неактив|приостановлен|закрыт|удален|деактивирован|отклонен|недоступ)
|(?:hesap|hesabı|posta kutusu|kullanıcı|alıcı)\S* (?:\S+ ){0,3}?(?:devre dışı|kapatıl|askıya|kilit|pasif
|reddedil)
|(?:用户|用戶|邮箱|信箱|帐号|账号|帐户|账户|帳號|地址|收件人).{0,8}(?:停用|禁用|冻结|凍結|锁定|鎖定|注销|關閉
|关闭|未激活|暂停|封停|不活跃|被拒绝|休眠)
|(?:ユーザ|アカウント|メールボックス|アドレス|宛先|受信者).{0,12}(?:停止|無効化|凍結|休止|ロック|閉鎖|解約
|利用できま|使用できま|拒否)
|(?:계정|사용자|사서함|메일함|수신자).{0,8}(?:정지|비활성|휴면|잠금|잠겨|폐쇄|탈퇴|중지|사용할 ?수)
"""
_GONE_ALONE = r"""
no (?:mailbox|account|user|recipient|one|person|mail ?box)(?: here)? (?:by|with|of|under|named|at)[ ]
|who are you looking for|user ?unknown
|no such (?:user|person|recipient|mailbox|address|account|alias|local|name)|recip(?:ient)?notfound
|resolver\.adr\.(?:recip|exrecip)|not our customer|unknown (?:or illegal|local|destination|address)
|bad destination (?:mailbox|address)|not listed in .{0,40}(?:directory|address book)
|not (?:found|listed) in (?:the )?(?:domino|public|local|ldap|directory)
|the (?:e-?mail )?(?:account|address) (?:that )?you (?:tried to reach|entered) (?:does not exist|could(?: not
|n't) be found|doesn't exist)
|(?:wasn't|was not) found at |address you entered could(?:n't| not) be found|suppressed sending to|suppression list
|(?:is|are) not (?:a )?(?:valid|known|local|registered) (?:\w+ )?(?:user|address|recipient|mailbox)
|(?:does(?: not|n't)|do(?: not|n't)) have (?:an?|any|such) (?:[a-z.]+ )?(?:account|mailbox|user)
|is no longer (?:valid|available|with|in use|employed|on this)
|(?:has|have) left (?:the|our) (?:company|organi[sz]ation)|no existe (?:el|la|ese|esa|ningún|tal)[ ]
|nessun utente|aucun (?:utilisateur|destinataire|compte)
|kein(?:en?|em)? (?:solche\w+ )?(?:benutzer|empfänger|postfach|konto)|geen (?:gebruiker|postvak)
|ingen (?:sådan )?(?:användare|bruger|bruker|mottagare)|nenhum usuário|usuário inexistente
|brak (?:takiego )?(?:użytkownika|konta|skrzynki|adresata)|нет такого (?:пользовател|адрес|ящик|получател)
|такого (?:пользовател|адрес|ящик|получател)|такой (?:пользовател|ящик|адрес)
|böyle bir (?:kullanıcı|adres|hesap)|查无此(?:人|用户|收件人|地址)|没有(?:该|这个|此)(?:用户|收件人)
|無此(?:用戶|使用者|收件人)|該当(?:する)?(?:ユーザ|アドレス|アカウント|メール)|お探しの
|해당 ?(?:사용자|수신자|계정|주소)|nessun[ao]? (?:utente|casella|account|indirizzo|destinatario)
|ningún (?:usuario|buzón|destinatario)|nenhuma? (?:usuário|conta|caixa)|aucune? (?:boîte|adresse)
|kein\w* (?:mailbox|adresse)|geen (?:mailbox|account|ontvanger)
"""
_NO_MAIL_HERE = r"""
null ?mx|nullmx|does not accept (?:any )?mail|doesn't receive e-?mail according
|domain .{0,40}(?:does not|doesn't) (?:accept|receive) (?:e-?)?mail
"""
_DOMAIN_ALONE = r"""
nxdomain|name or service not known|host or domain name not found|no (?:mx|mail) (?:host|exchanger)
|bad destination (?:host|system)|no relevant answers|unknown (?:mail )?(?:host|domain)
|no such (?:host|domain)|(?:could(?: not|n't)|can(?:not|'t)) find (?:any |a )*(?:host|mx|mail exchanger)
|(?:has|have|with) no (?:valid )?(?:mx|mail (?:server|host|exchanger))
"""
_FORM = r"""
bare (?:lf|cr|line)|line (?:is )?too long|malformed|duplicate header|multiple from
|missing (?:required )?(?:header|date|from|message-id|to)
|(?:header|message|mime|format) (?:\w+ )?(?:error|syntax|invalid|violat|is not)
|rfc ?-?(?:2822|5322|822|2045|2047)|not (?:rfc|compliant)
|invalid (?:header|message|mime|charset|character)|8-?bit|smtputf8|internationali[sz]ed
"""
_POLICY = r"""
polic|security|administrat(?:or|ive)|access denied|\bdenied|\bblocked
|not (?:allowed|permitted|authori[sz]ed|wanted|welcome)|prohibited|forbidden|unsolicited|abus|local rule
|compliance|richtlini|politique|politica|beleid|polityk|zasad|политик|правил|策略|政策|ポリシー|規制|정책
|سياس|מדיניות
"""


_RECEIVES_TOO_MUCH = r"""
receiv\S+ (?:e-?mails?|mail|messages?) (?:at a rate|too )
|recipient\S* .{0,30}(?:rate limit|too many messages)
"""
_STORAGE = r"mail ?box size|mail ?box storage|storage (?:limit|quota)"
_NOT_FROM_OUR_HOST = r"""
(?:mails?|messages?|connections?) from your (?:ip|host|server|network)
|\bip\b[^.;]{0,20} not in (?:the )?(?:white|allow) ?list
"""
_NOT_FROM_US = r"""
we (?:do not|don't) accept (?:any )?(?:mail|messages?) from ourdomain|your domain has no mx
|mx (?:record )?for your domain|mail[ _]?from must|need mail from|sender's mail ?server
"""
_OVER_QUOTA = r"""
cuota (?:excedida|superada)|cota excedida|
over ?-?quota|quota (?:has been |is )?exceeded|exceed\S* (?:the |storage )*quota|disk (?:is )?full|storage
"""
_TOO_LARGE = r"""
message size|size of (?:the|this|your) (?:message|mail|e-?mail)|size limit|too (?:large|big)\b
"""
_USED_UP = r"""
reached|used up|erreicht|atteint|alcanzad|atingid|raggiunt|bereikt|nådd|osiągnięt|исчерпан|достигнут|doldu
|达到|达上限|用完|用尽|上限|達しま|exhausted|depleted|\bused\b|spent|aufgebraucht|erschöpft|ausgeschöpft
|überschritten|épuisé|agotad|esgotad|esaurit|opgebruikt|uitgeput|wyczerpan|tükendi|소진
"""


# --- the table ----------------------------------------------------------------------------


def _fold_pattern(patterns: str) -> str:
    """Return patterns that stand on several lines as one, folded as texts are."""
    joined = "".join(patterns.strip().splitlines())
    folded = "".join(sign if sign.isascii() else fold(sign) for sign in joined)
    # re2 knows the letters of English only, and finds no limit of a word beside any other.
    folded = re.sub(r"\\b(?=[^\x00-\x7f])", r"(?:^|[^\\pL])", folded)
    folded = re.sub(r"(?<=[^\x00-\x7f])\\b", r"(?:$|[^\\pL])", folded)
    return folded.replace(r"\w", r"[^\s.,;:!?]")


def _near(nouns: str, *predicates: str, between: int = 40) -> str:
    """A noun with its predicate behind it in the same sentence, or right before it."""
    noun, predicate = _fold_pattern(nouns), any_of(*predicates)
    return rf"(?:{noun})[^.;!?]{{0,{between}}}?(?:{predicate})|(?:{predicate})[^.:;,!?]{{0,12}}(?:{noun})"


def _after(nouns: str, predicates: str) -> str:
    """A noun with its predicate close behind it."""
    return rf"(?:{_fold_pattern(nouns)})[^.;:,!?]{{0,30}}?(?:{_fold_pattern(predicates)})"


def any_of(*patterns: str) -> str:
    """Return one pattern, folded as texts are, that fits what any of these fits."""
    return "|".join(_fold_pattern(pattern) for pattern in patterns)


def _compile(pattern: str) -> re2._Regexp:
    options = re2.Options()
    options.max_mem = 128 << 20
    return re2.compile(pattern, options)


@cache
def _build_table() -> tuple[tuple[Cause, re2._Regexp], ...]:
    """Return the causes with their words, in the order in which they are asked. Dear, and few commands judge."""
    rows = (
        (Cause.HOST, any_of(_NOT_FROM_OUR_HOST)),
        (Cause.SENDER, any_of(_NOT_FROM_US)),
        (Cause.UNWANTED, any_of(_WISHES)),
        (Cause.SENDER, _near(_SENDERS, _UNKNOWN, _REFUSED)),
        (Cause.SLOW, any_of(_RECEIVES_TOO_MUCH)),
        (Cause.FULL, any_of(_STORAGE)),
        (Cause.AUTHENTICATION, any_of(_AUTHENTICATION)),
        (Cause.HOST, any_of(_LISTS), _near(_HOSTS, _UNKNOWN, _REFUSED, _LACKING)),
        (Cause.SIZE, any_of(_TOO_LARGE), _near(_MESSAGES, _LARGE)),
        (Cause.ACCOUNT, any_of(_LOGIN), _near(_SENDING, _TOO_MUCH, _USED_UP)),
        (Cause.RATE, any_of(_FAST), _near(_HOSTS, _TOO_MUCH, between=25)),
        (Cause.CONTENT, any_of(_SPAM, _FORM)),
        (Cause.FULL, any_of(_OVER_QUOTA), _near(_RECIPIENTS, _FULL)),
        (Cause.SLOW, any_of(_LATER)),
        (Cause.GONE, any_of(_GONE_ALONE, _NO_MAIL_HERE)),
        (Cause.NO_HOST, any_of(_DOMAIN_ALONE), _after(_DOMAINS, _UNKNOWN)),
        (Cause.GONE, _near(_RECIPIENTS, _UNKNOWN)),
        (Cause.DISABLED, any_of(_CLOSED)),
        (Cause.UNREACHABLE, any_of(_DOWN)),
        (Cause.POLICY, any_of(_POLICY)),
    )
    return tuple((cause, _compile("|".join(patterns))) for cause, *patterns in rows)


@cache
def _compile_senders() -> re2._Regexp:
    return _compile(any_of(_SENDERS))


def find_cause(text: str) -> Cause | None:
    """Return what a folded text gives as the reason, None where it says nothing that is known."""
    return next((cause for cause, words in _build_table() if words.search(text)), None)


def names_sender(text: str) -> bool:
    """Tell whether a folded text speaks of who sends, in whatever way."""
    return _compile_senders().search(text) is not None
