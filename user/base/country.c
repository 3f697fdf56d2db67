// SPDX-License-Identifier: GPL-3.0-or-later
#include "user/base/country.h"

#include <ctype.h>

/* ISO 3166-1, and what databases use beside it: Kosovo, Europe, Asia and the Pacific. */
static const char known[] =
	"AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
	"CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
	"FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
	"JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
	"MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
	"PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
	"TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW "
	"XK EU AP ";

/* Written often, and meant so. */
static const struct {
	const char *text, *code;
} meant[] = {
	{"UK", "GB"},
	{"EL", "GR"},
	{"EN", "GB"},
	{"JA", "JP"},
	{"KO", "KR"},
	{"CHINA", "CN"},
	{"CHN", "CN"},
	{"RUSSIA", "RU"},
	{"RUS", "RU"},
	{"USA", "US"},
	{"IRAN", "IR"},
	{"IRN", "IR"},
	{"PRK", "KP"},
	{"BRAZIL", "BR"},
	{"BRA", "BR"},
	{"INDIA", "IN"},
	{"IND", "IN"},
	{"VIETNAM", "VN"},
	{"VNM", "VN"},
	{"DEU", "DE"},
	{"GERMANY", "DE"},
	{"GBR", "GB"},
};

uint32_t sw_country_parse(const char *text)
{
	if (!isalpha((unsigned char)text[0]) || !isalpha((unsigned char)text[1]) || text[2])
		return 0;
	return SW_COUNTRY(toupper((unsigned char)text[0]), toupper((unsigned char)text[1]));
}

void sw_country_format(char ret[static 3], uint32_t code)
{
	ret[0] = (char)(code >> 8 & 0x7f);
	ret[1] = (char)(code & 0x7f);
	ret[2] = 0;
}

bool sw_country_is_known(uint32_t code)
{
	for (const char *p = known; *p; p += 3) {
		if (SW_COUNTRY(p[0], p[1]) == code)
			return true;
	}
	return false;
}

const char *sw_country_suggest(const char *text, char ret[static 3])
{
	uint32_t code = sw_country_parse(text);

	for (size_t i = 0; i < SW_ARRAY_SIZE(meant); i++) {
		if (!strcasecmp(meant[i].text, text))
			return meant[i].code;
	}
	for (const char *p = known; code && *p; p += 3) {
		bool is_turned = SW_COUNTRY(p[1], p[0]) == code;

		if (is_turned || SW_COUNTRY(p[0], 0) == (code & 0xff00)) {
			sw_country_format(ret, SW_COUNTRY(p[0], p[1]));
			return ret;
		}
	}
	return NULL;
}

uint32_t sw_asn_parse(const char *text)
{
	uint64_t n = 0;

	if (!strncasecmp(text, "AS", 2))
		text += 2;
	if (!*text)
		return 0;
	for (; *text; text++) {
		if (!isdigit((unsigned char)*text))
			return 0;
		n = n * 10 + (uint64_t)(*text - '0');
		if (n > UINT32_MAX)
			return 0;
	}
	return (uint32_t)n;
}
