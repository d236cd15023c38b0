/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Configuration out again: canonical YAML, JSON, the manual's option list; and
 * the comparison that decides whether a reload will do.
 */
#include <stdlib.h>
#include <string.h>

#include "core/cfg_int.h"
#include "core/json.h"

static const void *
member(const void *conf, const struct cfg_field *f)
{
	return (const char *)conf + f->off;
}

static const void *
element(const struct cfg_list *l, size_t size, size_t i)
{
	return (const char *)l->v + i * size;
}

/* An optional map that was not there. */
static bool
is_absent(const struct cfg_field *f, const void *src)
{
	const struct cfg_where *at = src;

	return f->type == CFG_MAP && (f->flags & CFG_F_OPTIONAL) &&
	    at->line == 0;
}

/* --- YAML -------------------------------------------------------------- */

/*
 * One character of a quoted text (it has come through YAML, so it is good
 * UTF-8); what is no ASCII by its number, as some of it would end a line.
 * Returns how many octets it has.
 */
static size_t
yaml_char(FILE *f, const unsigned char *s)
{
	size_t more = *s < 0xc0 ? 0 : *s < 0xe0 ? 1 : *s < 0xf0 ? 2 : 3;
	unsigned long c = more == 0 ? *s : *s & (0x3fu >> more);

	for (size_t i = 1; i <= more; i++)
		c = c << 6 | (s[i] & 0x3f);
	if (c == '"' || c == '\\')
		fprintf(f, "\\%c", (int)c);
	else if (c < 0x20 || c == 0x7f)
		fprintf(f, "\\x%02lx", c);
	else if (c < 0x80)
		fputc((int)c, f);
	else
		fprintf(f, c < 0x10000 ? "\\u%04lx" : "\\U%08lx", c);
	return more + 1;
}

/* Text that YAML would read as something else stands in quotes. */
static void
yaml_text(FILE *f, const char *s)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/@+";

	if (*s != '\0' && s[strspn(s, plain)] == '\0' && *s != '-' &&
	    *s != '@' && strcmp(s, "null") != 0) {
		fputs(s, f);
		return;
	}
	fputc('"', f);
	while (*s != '\0')
		s += yaml_char(f, (const unsigned char *)s);
	fputc('"', f);
}

static void yaml_map(FILE *f, const struct cfg_table *t, const void *conf,
    unsigned indent, bool in_list);

static void
yaml_scalars(FILE *f, const struct cfg_field *fld, const struct cfg_list *l)
{
	char text[CFG_TEXT_MAX];

	fputs(" [", f);
	for (size_t i = 0; i < l->n; i++) {
		fputs(i > 0 ? ", " : "", f);
		yaml_text(f, cfg_value_text(fld, fld->elem, element(l,
		    cfg_type_size(fld->elem), i), text, sizeof(text)));
	}
	fputs("]\n", f);
}

static void
yaml_list(FILE *f, const struct cfg_field *fld, const struct cfg_list *l,
    unsigned indent)
{
	fputs(l->n > 0 ? "\n" : " []\n", f);
	for (size_t i = 0; i < l->n; i++) {
		fprintf(f, "%*s- ", (int)indent + 2, "");
		yaml_map(f, fld->table, element(l, fld->table->size, i),
		    indent + 4, true);
	}
}

static void
yaml_value(FILE *f, const struct cfg_field *fld, const void *src,
    unsigned indent)
{
	char text[CFG_TEXT_MAX];

	switch (fld->type) {
	case CFG_MAP:
		fputc('\n', f);
		yaml_map(f, fld->table, src, indent + 2, false);
		return;
	case CFG_LIST:
		yaml_list(f, fld, src, indent);
		return;
	case CFG_SCALARS:
		yaml_scalars(f, fld, src);
		return;
	case CFG_FLAGS:
		fprintf(f, " [%s]\n", cfg_value_text(fld, fld->type, src, text,
		    sizeof(text)));
		return;
	default:
		fputc(' ', f);
		yaml_text(f, fld->flags & CFG_F_SECRET ? "***" :
		    cfg_value_text(fld, fld->type, src, text,
		    sizeof(text)));
		fputc('\n', f);
	}
}

/* Values that were neither written nor have a default cannot be written. */
static bool
is_unset(const struct cfg_field *fld, const void *src)
{
	char text[CFG_TEXT_MAX];

	return fld->type < CFG_MAP && fld->type != CFG_FLAGS &&
	    *cfg_value_text(fld, fld->type, src, text, sizeof(text)) == '\0';
}

static void
yaml_map(FILE *f, const struct cfg_table *t, const void *conf, unsigned indent,
    bool in_list)
{
	bool first = in_list;

	for (const struct cfg_field *fld = t->fields; fld->key != NULL; fld++) {
		const void *src = member(conf, fld);

		if (is_absent(fld, src) || is_unset(fld, src))
			continue;
		fprintf(f, "%*s%s:", first ? 0 : (int)indent, "", fld->key);
		first = false;
		yaml_value(f, fld, src, indent);
	}
	if (first)
		fputs("{}\n", f);	/* an element with nothing to say */
}

void
cfg_print_yaml(FILE *f, const struct cfg_table *table, const void *conf)
{
	yaml_map(f, table, conf, 0, false);
}

/* --- JSON -------------------------------------------------------------- */

static void
json_value(struct json_w *w, const char *key, const struct cfg_field *fld,
    enum cfg_type type, const void *src)
{
	char text[CFG_TEXT_MAX];

	if (fld->flags & CFG_F_SECRET) {
		json_w_str(w, key, "***");
	} else if (type == CFG_BOOL) {
		json_w_bool(w, key, *(const bool *)src);
	} else if (type == CFG_UINT) {
		json_w_u(w, key, *(const uint32_t *)src);
	} else {
		cfg_value_text(fld, type, src, text, sizeof(text));
		json_w_str(w, key, *text != '\0' ? text : NULL);
	}
}

static void
json_flags(struct json_w *w, const struct cfg_field *fld, uint32_t v)
{
	json_w_arr(w, fld->key);
	for (unsigned i = 0; fld->names[i] != NULL; i++) {
		if (v & (uint32_t)1 << i)
			json_w_str(w, NULL, fld->names[i]);
	}
	json_w_arr_end(w);
}

static void
json_list(struct json_w *w, const struct cfg_field *fld,
    const struct cfg_list *l)
{
	json_w_arr(w, fld->key);
	for (size_t i = 0; i < l->n; i++) {
		if (fld->type == CFG_SCALARS) {
			json_value(w, NULL, fld, fld->elem, element(l,
			    cfg_type_size(fld->elem), i));
			continue;
		}
		json_w_obj(w, NULL);
		cfg_print_json(w, fld->table, element(l, fld->table->size, i));
		json_w_obj_end(w);
	}
	json_w_arr_end(w);
}

void
cfg_print_json(struct json_w *w, const struct cfg_table *table,
    const void *conf)
{
	for (const struct cfg_field *f = table->fields; f->key != NULL; f++) {
		const void *src = member(conf, f);

		if (is_absent(f, src))
			continue;
		switch (f->type) {
		case CFG_MAP:
			json_w_obj(w, f->key);
			cfg_print_json(w, f->table, src);
			json_w_obj_end(w);
			break;
		case CFG_LIST:
		case CFG_SCALARS:
			json_list(w, f, src);
			break;
		case CFG_FLAGS:
			json_flags(w, f, *(const uint32_t *)src);
			break;
		default:
			json_value(w, f->key, f, f->type, src);
		}
	}
}

/* --- the manual -------------------------------------------------------- */

static void
mdoc_range(FILE *f, const struct cfg_field *fld)
{
	struct cfg_field any = *fld;
	char lo[64], hi[64];
	int64_t min = (int64_t)fld->min, max = (int64_t)fld->max;
	uint32_t min32 = (uint32_t)fld->min, max32 = (uint32_t)fld->max;
	bool small = fld->type == CFG_UINT;

	if ((fld->min == 0 && fld->max == 0) || (fld->type != CFG_UINT &&
	    fld->type != CFG_DURATION && fld->type != CFG_SIZE))
		return;
	any.min = any.max = 0;
	cfg_value_text(&any, fld->type, small ? (void *)&min32 : (void *)&min,
	    lo, sizeof(lo));
	cfg_value_text(&any, fld->type, small ? (void *)&max32 : (void *)&max,
	    hi, sizeof(hi));
	fprintf(f, "From %s to %s.\n", lo, hi);
}

static void
mdoc_names(FILE *f, const struct cfg_field *fld)
{
	if (fld->names == NULL)
		return;
	fputs("One of", f);
	if (fld->type == CFG_FLAGS)
		fputs(" or several of", f);
	for (size_t i = 0; fld->names[i] != NULL; i++)
		fprintf(f, "\n.Cm %s%s", fld->names[i],
		    fld->names[i + 1] != NULL ? " ," : " .");
	fputc('\n', f);
}

static void mdoc_fields(FILE *f, const struct cfg_table *t);

/* One sentence a line, as mdoc wants it. */
static void
mdoc_help(FILE *f, const char *help)
{
	for (; help != NULL && *help != '\0'; help++) {
		if (help[0] == ' ' && help[-1] == '.' && help[1] >= 'A' &&
		    help[1] <= 'Z')
			fputc('\n', f);
		else
			fputc(*help, f);
	}
	fputc('\n', f);
}

static void
mdoc_field(FILE *f, const struct cfg_field *fld)
{
	fprintf(f, ".It Cm %s : Ar %s%s\n", fld->key, cfg_type_word(fld->type ==
	    CFG_SCALARS ? fld->elem : fld->type),
	    fld->type == CFG_SCALARS ? " ..." : "");
	if (fld->help != NULL)
		mdoc_help(f, fld->help);
	else if (fld->table != NULL && fld->table->help != NULL)
		mdoc_help(f, fld->table->help);
	mdoc_names(f, fld);
	mdoc_range(f, fld);
	if (fld->flags & CFG_F_REQUIRED)
		fputs("Must be given.\n", f);
	else if (fld->def != NULL)
		fprintf(f, "Default: %s.\n", fld->def);
	if (fld->flags & CFG_F_RESTART)
		fputs("A change needs a restart.\n", f);
	if (fld->table != NULL)
		mdoc_fields(f, fld->table);
}

static void
mdoc_fields(FILE *f, const struct cfg_table *t)
{
	fputs(".Bl -tag -width Ds\n", f);
	for (const struct cfg_field *fld = t->fields; fld->key != NULL; fld++)
		mdoc_field(f, fld);
	fputs(".El\n", f);
}

void
cfg_print_mdoc(FILE *f, const struct cfg_table *table)
{
	mdoc_fields(f, table);
}

/* --- what a reload can do ---------------------------------------------- */

static bool map_equal(const struct cfg_table *t, const void *a, const void *b);

static bool
field_equal(const struct cfg_field *f, const void *a, const void *b)
{
	char ta[CFG_TEXT_MAX], tb[CFG_TEXT_MAX];
	const struct cfg_list *la = a, *lb = b;

	switch (f->type) {
	case CFG_MAP:
		return map_equal(f->table, a, b);
	case CFG_LIST:
	case CFG_SCALARS:
		if (la->n != lb->n)
			return false;
		for (size_t i = 0; i < la->n; i++) {
			struct cfg_field e = *f;
			size_t size = f->type == CFG_LIST ? f->table->size :
			    cfg_type_size(f->elem);

			e.type = f->type == CFG_LIST ? CFG_MAP : f->elem;
			if (!field_equal(&e, element(la, size, i),
			    element(lb, size, i)))
				return false;
		}
		return true;
	default:
		return strcmp(cfg_value_text(f, f->type, a, ta, sizeof(ta)),
		    cfg_value_text(f, f->type, b, tb, sizeof(tb))) == 0;
	}
}

static bool
map_equal(const struct cfg_table *t, const void *a, const void *b)
{
	for (const struct cfg_field *f = t->fields; f->key != NULL; f++) {
		if (!field_equal(f, member(a, f), member(b, f)))
			return false;
	}
	return true;
}

bool
cfg_needs_restart(const struct cfg_table *table, const void *a, const void *b,
    char *buf, size_t cap)
{
	for (const struct cfg_field *f = table->fields; f->key != NULL; f++) {
		const void *fa = member(a, f), *fb = member(b, f);
		int n = snprintf(buf, cap, "%s", f->key);

		if (is_absent(f, fa) || is_absent(f, fb))
			continue;	/* a section of a role that is not here */
		if (f->flags & CFG_F_RESTART && !field_equal(f, fa, fb))
			return true;
		if (f->type == CFG_MAP && (size_t)n + 2 < cap) {
			buf[n] = '.';
			if (cfg_needs_restart(f->table, fa, fb, buf + n + 1,
			    cap - (size_t)n - 1))
				return true;
		}
	}
	return false;
}
