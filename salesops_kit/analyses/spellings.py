"""What is a plausible e-mail address, and which names of countries mean the same."""

import re
from functools import cache

# every country-code domain that is delegated
_COUNTRY_CODES = """
ac ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br
bs bt bv bw by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do
dz ec ee eg er es et eu fi fj fk fm fo fr ga gb gd ge gf gg gh gi gl gm gn gp gq gr gs gt
gu gw gy hk hm hn hr ht hu id ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp
kr kw ky kz la lb lc li lk lr ls lt lu lv ly ma mc md me mg mh mk ml mm mn mo mp mq mr ms
mt mu mv mw mx my mz na nc ne nf ng ni nl no np nr nu nz om pa pe pf pg ph pk pl pm pn pr
ps pt pw py qa re ro rs ru rw sa sb sc sd se sg sh si sj sk sl sm sn so sr ss st su sv sx
sy sz tc td tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug uk us uy uz va vc ve vg vi vn
vu wf ws ye yt za zm zw
"""
_COMMON = ("com", "net", "org", "info", "biz", "edu", "gov")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
# other real domains that lie one letter from a common one
_REAL = {"om", "cm", "co", "ne", "or", "ro", "int", "app", "pro", "cam", "con", "nec", "bet", "vet",
         "pet", "jet", "new", "ong", "orange", "ink", "inc", "bio", "bid", "bit", "gdn", "gop",
         "mov", "day", "dev", "geo", "mil", "mobi", "name", "tel", "travel", "xyz", "top", "cn",
         "crs", "com", "nexus", "tech"} - {"con"}  # fmt: skip


def email_pattern() -> str:
    """Return a pattern that every plausible address matches: local part, domain, known ending."""
    codes = "|".join(_COUNTRY_CODES.split())
    return (
        r"^[a-z0-9._%+'\-]+@([a-z0-9]([a-z0-9\-]*[a-z0-9])?\.)+"
        rf"({codes}|[a-z]{{3,24}}|xn--[a-z0-9\-]+)$"
    )


@cache
def typing_errors() -> str:
    """Return a pattern of endings that are one slip from a common one, such as .cim or .nte."""
    slips: set[str] = set()
    for word in _COMMON:
        cuts = [(word[:i], word[i:]) for i in range(len(word) + 1)]
        slips |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
        slips |= {a + x + b[1:] for a, b in cuts if b for x in _LETTERS}
        if len(word) == 3:
            slips |= {a + x + b for a, b in cuts for x in word}  # a letter struck twice
    wrong = {s for s in slips if len(s) > 2} - set(_COMMON) - _REAL - set(_COUNTRY_CODES.split())
    return rf"\.({'|'.join(sorted(map(re.escape, wrong)))})$"


_COUNTRIES = {
    "unitedstates": "us usa unitedstatesofamerica america 美国 美利坚",
    "unitedkingdom": "uk gb gbr greatbritain britain england 英国 英格兰",
    "unitedarabemirates": "uae ae 阿联酋 阿拉伯联合酋长国",
    "china": "cn chn prc prchina peoplesrepublicofchina mainlandchina 中国 中华人民共和国 中国大陆",
    "hongkong": "hk hkg hongkongsar 香港 中国香港",
    "taiwan": "tw twn 台湾 中国台湾",
    "macao": "macau mo 澳门",
    "germany": "de deu ger deutschland 德国",
    "france": "fr fra 法国",
    "japan": "jp jpn 日本",
    "southkorea": "kr kor korea republicofkorea korearepublicof 韩国",
    "india": "in ind 印度",
    "singapore": "sg sgp 新加坡",
    "australia": "au aus 澳大利亚 澳洲",
    "canada": "ca can 加拿大",
    "mexico": "mx mex méxico 墨西哥",
    "brazil": "br bra brasil 巴西",
    "italy": "it ita italia 意大利",
    "spain": "es esp españa 西班牙",
    "netherlands": "nl nld holland thenetherlands 荷兰",
    "switzerland": "ch che schweiz suisse 瑞士",
    "russia": "ru rus russianfederation 俄罗斯",
    "vietnam": "vn vnm 越南",
    "thailand": "th tha 泰国",
    "malaysia": "my mys 马来西亚",
    "indonesia": "id idn 印度尼西亚 印尼",
    "philippines": "ph phl thephilippines 菲律宾",
    "southafrica": "za zaf rsa 南非",
    "saudiarabia": "sa sau ksa kingdomofsaudiarabia 沙特 沙特阿拉伯",
    "turkey": "tr tur türkiye turkiye 土耳其",
}
COUNTRY_ALIASES = {
    alias: country for country, words in _COUNTRIES.items() for alias in words.split()
}
