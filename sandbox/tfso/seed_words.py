"""The words the seed data is put together from: invented firms and people, real places."""

from __future__ import annotations

# Postal codes and the places they belong to.
NORWAY = [
    ("0155", "Oslo"),
    ("0484", "Oslo"),
    ("1337", "Sandvika"),
    ("1601", "Fredrikstad"),
    ("2317", "Hamar"),
    ("2615", "Lillehammer"),
    ("3015", "Drammen"),
    ("3717", "Skien"),
    ("4006", "Stavanger"),
    ("4611", "Kristiansand S"),
    ("5003", "Bergen"),
    ("5700", "Voss"),
    ("6003", "Ålesund"),
    ("6413", "Molde"),
    ("7011", "Trondheim"),
    ("8006", "Bodø"),
    ("8622", "Mo i Rana"),
    ("9008", "Tromsø"),
    ("9510", "Alta"),
]
SWEDEN = [("111 29", "Stockholm"), ("411 05", "Göteborg"), ("211 20", "Malmö")]
FINLAND = [("00100", "Helsinki"), ("20100", "Turku")]

STREETS = [
    "Storgata",
    "Kirkegata",
    "Strandveien",
    "Industriveien",
    "Øvre Torggate",
    "Bjørkeveien",
    "Fjellveien",
    "Sjøgata",
    "Verksveien",
    "Håkons gate",
]
FIRST_NAMES = [
    "Anne",
    "Bjørn",
    "Camilla",
    "Dag",
    "Eli",
    "Frode",
    "Guro",
    "Håkon",
    "Ingrid",
    "Jørgen",
    "Kari",
    "Leif",
]
LAST_NAMES = [
    "Aas",
    "Berg",
    "Dahl",
    "Eide",
    "Fossum",
    "Gjerde",
    "Hagen",
    "Lunde",
    "Myhre",
    "Nygård",
    "Solbakken",
    "Østby",
]
FIRM_NAMES = [
    "Nordlys",
    "Havørn",
    "Fjordblikk",
    "Elvebakken",
    "Granskogen",
    "Midnattsol",
    "Tindtoppen",
    "Kvernhuset",
    "Sjøbua",
    "Åsgård",
    "Rimfrost",
    "Steinrøysa",
]
CUSTOMER_TRADES = ["Bygg AS", "Butikk AS", "Hotell AS", "Friluft AS", "Handel AS", "Verksted ANS"]
SUPPLIER_TRADES = ["Engros AS", "Import AS", "Fabrikker AS", "Agentur AS"]

# Category: its number, its name, its products' VAT in per cent, a price to start from, the names.
CATEGORIES = [
    (10, "Skruer og bolter", 25, 49, ["Treskrue", "Maskinbolt", "Mutter", "Skive", "Ankerbolt"]),
    (20, "Håndverktøy", 25, 199, ["Hammer", "Tang", "Skrutrekker", "Vater", "Håndsag"]),
    (30, "Elektroverktøy", 25, 1490, ["Drill", "Slagtrekker", "Stikksag", "Vinkelsliper"]),
    (40, "Maling og lakk", 25, 349, ["Veggmaling", "Grunning", "Beis", "Båtlakk", "Pensel"]),
    (50, "Turutstyr", 25, 599, ["Ryggsekk", "Sovepose", "Telt", "Primus", "Hodelykt"]),
    (60, "Klær", 25, 449, ["Ulltrøye", "Regnjakke", "Arbeidsbukse", "Lue", "Votter"]),
    (70, "Mat og drikke", 15, 89, ["Kaffe", "Turmat", "Knekkebrød", "Brunost", "Bjørkesaft"]),
    (80, "Frimerker og bøker", 0, 129, ["Turkart", "Håndbok", "Frimerkeark", "Fuglebok"]),
]
VARIANTS = ["liten", "middels", "stor", "rød", "blå", "svart", "25 stk", "100 stk", "pro"]

# Numbers that a careless client breaks on, in URLs above all.
ODD_NUMBERS = [
    "M8/40",
    "1+1 pk",
    "HVA?",
    "BLÅBÆR-7",
    "SKJØT 12",
    "ÆØÅ/1+2",
    "50% BOMULL",
    "A&B",
    "#4 KROK",
    "TAU 10 m/krok",
]
RUBBISH_EMAILS = ["mangler", "ring 22 00 00 00", "post(krøllalfa)firma.example"]
