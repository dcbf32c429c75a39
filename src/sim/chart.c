// SPDX-License-Identifier: Apache-2.0
#include "sim/chart.h"

#include <math.h>

enum {
    LEFT = 80, RIGHT = 780, TOP = 50, BOTTOM = 420,
    DECADES_HOSTS = 8,    /* 1 to 100 million */
    MINUTES_MAX = 100000, /* on the axis */
    JULY_HOSTS = 8500000,
    JULY_MINUTES = 78,
};

static const char *const COLOURS[] = {"#0a6", "#c30", "#06c", "#a0a", "#860"};

static double x_of(double minutes)
{
    double part = log10(minutes < 1 ? 1 : minutes) / log10(MINUTES_MAX);
    return LEFT + part * (RIGHT - LEFT);
}

static double y_of(double hosts)
{
    double part = hosts < 1 ? 0 : (log10(hosts) + 0.3) / (DECADES_HOSTS + 0.3);
    return BOTTOM - part * (BOTTOM - TOP);
}

static void write_axes(FILE *file)
{
    static const struct {
        double minutes;
        const char *text;
    } TIMES[] = {{1, "1 min"}, {10, "10 min"}, {60, "1 h"}, {360, "6 h"}, {1440, "1 day"},
                 {4320, "3 days"}, {14400, "10 days"}, {43200, "30 days"}};
    for (size_t i = 0; i < sizeof TIMES / sizeof TIMES[0]; i++)
        fprintf(file,
                "<line x1='%.1f' y1='%d' x2='%.1f' y2='%d' stroke='#ddd'/>"
                "<text x='%.1f' y='%d' text-anchor='middle'>%s</text>\n",
                x_of(TIMES[i].minutes), TOP, x_of(TIMES[i].minutes), BOTTOM,
                x_of(TIMES[i].minutes), BOTTOM + 18, TIMES[i].text);
    for (int decade = 0; decade <= DECADES_HOSTS; decade++) {
        double hosts = pow(10, decade);
        fprintf(file,
                "<line x1='%d' y1='%.1f' x2='%d' y2='%.1f' stroke='#ddd'/>"
                "<text x='%d' y='%.1f' text-anchor='end'>%.0f</text>\n",
                LEFT, y_of(hosts), RIGHT, y_of(hosts), LEFT - 6, y_of(hosts) + 4, hosts);
    }
    fprintf(file, "<text x='%d' y='%d' text-anchor='end'>none</text>\n", LEFT - 6, BOTTOM + 4);
    fprintf(file, "<text x='%d' y='%d' text-anchor='middle'>since the release was published"
                  "</text>\n", (LEFT + RIGHT) / 2, BOTTOM + 38);
}

static void write_curve(FILE *file, const struct chart_curve *curve, unsigned place)
{
    const struct sim_result *result = curve->result;
    const char *colour = COLOURS[place % (sizeof COLOURS / sizeof COLOURS[0])];
    uint32_t before = UINT32_MAX;
    double drawn = -1;
    fprintf(file, "<polyline fill='none' stroke='%s' stroke-width='2.5' points='", colour);
    for (uint32_t minute = 0; minute < result->minutes; minute++) {
        uint32_t harmed = result->harmed_by_minute[minute];
        bool is_last = minute + 1 == result->minutes;
        /* What is closer than a point of the screen is not drawn. */
        bool is_near = x_of(minute) - drawn < 1;
        if ((harmed == before || is_near) && !is_last)
            continue;
        drawn = x_of(minute);
        if (before != UINT32_MAX)
            fprintf(file, "%.1f,%.1f ", x_of(minute), y_of(before));
        fprintf(file, "%.1f,%.1f ", x_of(minute), y_of(harmed));
        before = harmed;
    }
    fprintf(file, "'/>\n<text x='%d' y='%d' fill='%s'>%s: %u harmed, %u needed hands</text>\n",
            LEFT + 12, TOP + 18 + 18 * (int)place, colour, curve->name, result->harmed,
            result->hands);
}

RESULT chart_write(FILE *file, const char *title, const struct chart_curve *curves, size_t count)
{
    fprintf(file, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 820 480' "
                  "font-family='sans-serif' font-size='12'>\n"
                  "<rect width='820' height='480' fill='#fff'/>\n"
                  "<text x='%d' y='28' font-size='15'>%s</text>\n", LEFT, title);
    write_axes(file);
    for (size_t i = 0; i < count; i++)
        write_curve(file, &curves[i], (unsigned)i);
    fprintf(file,
            "<circle cx='%.1f' cy='%.1f' r='5' fill='#000'/>"
            "<text x='%.1f' y='%.1f' text-anchor='end'>19 July 2024, as published: 8.5 million "
            "hosts,</text><text x='%.1f' y='%.1f' text-anchor='end'>78 min until it was taken "
            "back, 10 days until 99 %% were mended by hand</text>\n</svg>\n",
            x_of(JULY_MINUTES), y_of(JULY_HOSTS), (double)RIGHT - 8, y_of(JULY_HOSTS) + 42,
            (double)RIGHT - 8, y_of(JULY_HOSTS) + 58);
    return ferror(file) ? result_from_errno() : RESULT_OK;
}
