"""Fit, search and cross-validate with two workers, by processes and by threads."""

import joblib
from sklearn.datasets import make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score


def main():
    points, classes = make_classification(600, 12, random_state=5)
    for backend in ("loky", "threading", "multiprocessing"):
        with joblib.parallel_config(backend, n_jobs=2):
            scores = cross_val_score(LogisticRegression(), points, classes, cv=4)
            search = GridSearchCV(LogisticRegression(), {"C": [0.01, 0.1, 1.0]}, cv=3).fit(points, classes)
            forest = RandomForestClassifier(30, random_state=1).fit(points, classes)
        print(backend, "scores", scores.round(6).tolist())
        print(backend, "search", search.best_params_, round(search.best_score_, 6))
        print(backend, "forest", forest.predict(points).tolist())


if __name__ == "__main__":
    main()
