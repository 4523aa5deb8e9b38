# Requires: tables/{scores,summary,losses}.parquet
# Makes:    figures/*.{png,pdf} and report.html
# Steps:    draw each figure, then put everything on one page.
