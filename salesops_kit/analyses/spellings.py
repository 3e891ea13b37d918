"""What is a plausible e-mail address, and which names of countries mean the same."""

import re
import unicodedata
from collections.abc import Mapping
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
_REAL = {"om", "bom", "cm", "co", "ne", "or", "ro", "int", "app", "pro", "cam", "con", "nec", "bet",
         "vet", "pet", "jet", "new", "ong", "orange", "ink", "inc", "bio", "bid", "bit", "gdn",
         "gop", "mov", "day", "dev", "geo", "mil", "mobi", "name", "tel", "travel", "xyz", "top",
         "cn", "crs", "com", "nexus", "tech"} - {"con"}  # fmt: skip


def email_pattern() -> str:
    """Return a pattern that every plausible address matches: local part, domain, known ending.

    Letters of any script are allowed, since addresses and domains may have them.
    """
    codes = "|".join(_COUNTRY_CODES.split())
    other = "\u00a1-\uffff"  # beyond ASCII
    word = r"[^\s@.,;:<>()\"\[\]\\]+"
    label = rf"[a-z0-9{other}]([a-z0-9{other}\-]*[a-z0-9{other}])?"
    ending = rf"({codes}|[a-z]{{3,24}}|xn--[a-z0-9\-]+|[{other}]{{2,}})"
    return rf"^{word}(\.{word})*@({label}\.)+{ending}$"


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
    "southkorea": "kr kor korea koreasouth republicofkorea korearepublicof 韩国",
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
    "argentina": "阿根廷",
    "austria": "österreich osterreich oesterreich 奥地利",
    "belgium": "belgique belgië belgien 比利时",
    "chile": "智利",
    "colombia": "哥伦比亚",
    "czechia": "czechrepublic českárepublika česko 捷克",
    "denmark": "danmark 丹麦",
    "egypt": "埃及",
    "finland": "suomi 芬兰",
    "greece": "hellas ελλάδα 希腊",
    "hungary": "magyarország 匈牙利",
    "ireland": "éire republicofireland 爱尔兰",
    "israel": "以色列",
    "ivorycoast": "côtedivoire 科特迪瓦",
    "kazakhstan": "哈萨克斯坦",
    "newzealand": "aotearoa 新西兰",
    "nigeria": "尼日利亚",
    "norway": "norge 挪威",
    "pakistan": "巴基斯坦",
    "poland": "polska 波兰",
    "portugal": "葡萄牙",
    "romania": "românia 罗马尼亚",
    "sweden": "sverige 瑞典",
    "ukraine": "україна 乌克兰",
}
# the others, with their codes of two and three letters
_CODES = """
afghanistan:af:afg alandislands:ax:ala albania:al:alb algeria:dz:dza americansamoa:as:asm
andorra:ad:and angola:ao:ago anguilla:ai:aia antarctica:aq:ata antiguaandbarbuda:ag:atg
argentina:ar:arg armenia:am:arm aruba:aw:abw austria:at:aut azerbaijan:az:aze bahamas:bs:bhs
bahrain:bh:bah bangladesh:bd:bgd barbados:bb:brb belarus:by:blr belgium:be:bel belize:bz:blz
benin:bj:ben bermuda:bm:bmu bhutan:bt:btn bolivia:bo:bol bonairesinteustatiusandsaba:bq:bes
bosniaandherzegovina:ba:bih botswana:bw:bwa bouvetisland:bv:bvt britishindianoceanterritory:io:iot
britishvirginislands:vg:vgb brunei:bn:brn bulgaria:bg:blg burkinafaso:bf:bfa burundi:bi:bdi
caboverde:cv:cpv cambodia:kh:khm cameroon:cm:cmr caymanislands:ky:cym
centralafricanrepublic:cf:caf chad:td:tcd chile:cl:chl christmasisland:cx:cxr cocosislands:cc:cck
colombia:co:col comoros:km:com congo:cg:cog cookislands:ck:cok costarica:cr:cri croatia:hr:hrv
cuba:cu:cub curacao:cw:cuw cyprus:cy:cyp czechia:cz:cze denmark:dk:dnk djibouti:dj:dji
dominica:dm:dma dominicanrepublic:do:dom drcongo:cd:cod ecuador:ec:ecu egypt:eg:egy
elsalvador:sv:slv equatorialguinea:gq:gnq eritrea:er:eri estonia:ee:est eswatini:sz:szw
ethiopia:et:eth falklandislands:fk:flk faroeislands:fo:fro fiji:fj:fji finland:fi:fin
frenchguiana:gf:guf frenchpolynesia:pf:pyf frenchsouthernterritories:tf:atf gabon:ga:gab
gambia:gm:gmb georgia:ge:geo ghana:gh:gha gibraltar:gi:gib greece:gr:grc greenland:gl:grl
grenada:gd:grd guadeloupe:gp:glp guam:gu:gum guatemala:gt:gua guernsey:gg:ggy guinea:gn:gin
guineabissau:gw:gnb guyana:gy:guy haiti:ht:hti heardislandandmcdonaldislands:hm:hmd
honduras:hn:hnd hungary:hu:hun iceland:is:isl iran:ir:irn iraq:iq:irq ireland:ie:irl
isleofman:im:imn israel:il:isr ivorycoast:ci:civ jamaica:jm:jam jersey:je:jey jordan:jo:jor
kazakhstan:kz:kaz kenya:ke:ken kiribati:ki:kir kosovo:xk:xkk kuwait:kw:kwt kyrgyzstan:kg:kgz
laos:la:lao latvia:lv:lva lebanon:lb:lbn lesotho:ls:lso liberia:lr:lbr libya:ly:lby
liechtenstein:li:lie lithuania:lt:ltu luxembourg:lu:lux macau:mo:mac madagascar:mg:mdg
malawi:mw:mwi maldives:mv:mdv mali:ml:mli malta:mt:mlt marshallislands:mh:mhl martinique:mq:mtq
mauritania:mr:mrt mauritius:mu:mus mayotte:yt:myt micronesia:fm:fsm moldova:md:mda monaco:mc:mco
mongolia:mn:mng montenegro:me:mne montserrat:ms:msr morocco:ma:mor mozambique:mz:moz
myanmar:mm:mmr namibia:na:nam nauru:nr:nru nepal:np:npl newcaledonia:nc:ncl newzealand:nz:nzl
nicaragua:ni:nic niger:ne:ner nigeria:ng:nga niue:nu:niu norfolkisland:nf:nfk northkorea:kp:prk
northmacedonia:mk:mkd northernmarianaislands:mp:mnp norway:no:nor oman:om:omn pakistan:pk:pak
palau:pw:plw palestine:ps:pse panama:pa:pan papuanewguinea:pg:png paraguay:py:pry peru:pe:per
pitcairnislands:pn:pcn poland:pl:pol portugal:pt:prt puertorico:pr:pri qatar:qa:qat reunion:re:reu
romania:ro:rou rwanda:rw:rwa saintbarthelemy:bl:blm sainthelenaascensionandtristandacunha:sh:shn
saintkittsandnevis:kn:kna saintlucia:lc:lca saintmartin:mf:maf saintpierreandmiquelon:pm:spm
saintvincentandthegrenadines:vc:vct samoa:ws:wsm sanmarino:sm:smr saotomeandprincipe:st:stp
senegal:sn:sen serbia:rs:srb seychelles:sc:syc sierraleone:sl:sle sintmaarten:sx:sxm
slovakia:sk:svk slovenia:si:svn solomonislands:sb:slb somalia:so:som
southgeorgiaandthesouthsandwichislands:gs:sgs southsudan:ss:ssd srilanka:lk:lka sudan:sd:sdn
suriname:sr:sur svalbardandjanmayen:sj:sjm sweden:se:swe syrianarabrepublic:sy:syr
tajikistan:tj:tjk tanzania:tz:tza timorleste:tl:tls togo:tg:tgo tokelau:tk:tkl tonga:to:ton
trinidadandtobago:tt:tto tunisia:tn:tun turkmenistan:tm:tkm turksandcaicosislands:tc:tca
tuvalu:tv:tuv uganda:ug:uga ukraine:ua:ukr unitedstatesminoroutlyingislands:um:umi
unitedstatesvirginislands:vi:vir uruguay:uy:ury uzbekistan:uz:uzb vanuatu:vu:vtu
vaticancity:va:vat venezuela:ve:ven wallisandfutuna:wf:wlf westernsahara:eh:esh yemen:ye:yem
zambia:zm:zmb zimbabwe:zw:zwe
"""


def folded(value: str) -> str:
    """Return the letters and digits of a text: case, accents, spaces and points do not count."""
    plain = unicodedata.normalize("NFKD", value.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def _aliases() -> dict[str, str]:
    coded = [line.split(":") for line in _CODES.split()]
    words = [(name, name) for name in _COUNTRIES]
    words += [(alias, name) for name, *codes in coded for alias in (name, *codes)]
    words += [(alias, name) for name, text in _COUNTRIES.items() for alias in text.split()]
    return {folded(alias): name for alias, name in words}


COUNTRY_ALIASES = _aliases()
_MISTYPED_FROM = 5  # letters from which one slip is told from another word
_MISTYPED_RARER = 5  # and how many times rarer the slip must be


def mistyped_country(word: str, rows: int, usual: Mapping[str, int]) -> bool:
    """Say whether a folded name is no country, and one slip from a far more frequent one."""
    if word in COUNTRY_ALIASES or len(word) < _MISTYPED_FROM:
        return False
    return any(n >= _MISTYPED_RARER * rows and one_slip(word, other) for other, n in usual.items())


def one_slip(one: str, other: str) -> bool:
    """Say whether one letter is wrong, missing, too many or swapped with its neighbour.

    >>> one_slip("germny", "germany"), one_slip("chian", "china"), one_slip("iran", "peru")
    (True, True, False)
    """
    short, long = sorted((one, other), key=len)
    start = next((i for i, pair in enumerate(zip(short, long, strict=False))
                  if pair[0] != pair[1]), len(short))  # fmt: skip
    rest, longer = short[start:], long[start:]
    if len(short) < len(long):
        return rest == longer[1:]
    return rest[1:] == longer[1:] or (rest[:2] == longer[1::-1] and rest[2:] == longer[2:])
